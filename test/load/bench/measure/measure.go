// Package measure runs the measurements.
package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/metrics"
	"github.com/sluice-ci/sluice/test/load/bench/record"
	"github.com/sluice-ci/sluice/test/load/bench/trace"
	"github.com/sluice-ci/sluice/test/load/bench/usage"
)

// Bench measures on one cluster.
type Bench struct {
	// Client reads and writes tekton.dev/v1 and core objects.
	Client client.WithWatch
	// Kube reads logs.
	Kube kubernetes.Interface
	// Namespace of the runs and pods. No other client may create any there.
	Namespace string
	// Installation is the namespace of the ConfigMap feature-flags.
	Installation string
	// Image of steps and containers.
	Image string
	// Reference is that of Resolved tasks.
	Reference *v1.TaskRef
	// Controller that is measured, or nil if its process is not on this machine.
	Controller *usage.Controller

	// made counts the created objects, for their names.
	made int
}

// patience bounds the time of one batch.
const patience = 30 * time.Minute

// Measure measures one batch, and deletes the objects that it created. The flags for its mode must be set.
func (b *Bench) Measure(ctx context.Context, batch load.Batch) (record.Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if batch.Hostile {
		return b.attack(ctx, batch)
	}
	measured, err := b.measure(ctx, batch)
	if err == nil && batch.Held {
		measured.Held, err = b.hold(ctx, batch.N)
	}
	if err := errors.Join(err, b.clean(ctx)); err != nil {
		return measured, fmt.Errorf("cannot measure %q with %s: %w", batch.Name, batch.Mode, err)
	}
	return measured, nil
}

func (b *Bench) measure(ctx context.Context, batch load.Batch) (record.Batch, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	build, err := b.builder(ctx, batch.Shape)
	if err != nil {
		return record.Batch{}, err
	}
	lines := b.newReader()
	recorder, err := trace.Start(ctx, b.Client, b.Namespace, batch.Whole, lines.added(ctx, batch.Row))
	if err != nil {
		return record.Batch{}, err
	}
	hops, err := b.watchHops(ctx, batch.Row)
	if err != nil {
		return record.Batch{}, err
	}
	before, err := b.read(ctx, true)
	if err != nil {
		return record.Batch{}, err
	}
	begin := time.Now()
	created, err := b.begin(ctx, recorder, batch, build)
	if err != nil {
		return record.Batch{}, err
	}
	wall := time.Since(begin)
	if err := recorder.Await(ctx, trace.Pod, batch.N*batch.Pods()); err != nil {
		return record.Batch{}, err
	}
	after, err := b.read(ctx, false)
	if err != nil {
		return record.Batch{}, err
	}
	measured := record.Batch{
		Row: batch.Row, Mode: batch.Mode, Wall: wall.Seconds(),
		Machine: after.machine - before.machine, Controller: after.controller.Processor - before.controller.Processor,
		Peak: after.controller.Peak, Calls: metrics.Difference(before.controller.Calls, after.controller.Calls),
		Dispatched: after.requests.Dispatched - before.requests.Dispatched,
		API:        metrics.Difference(before.requests.Answered, after.requests.Answered),
	}
	return measured, b.fill(ctx, &measured, recorder, created, beside{lines, hops})
}

// begin creates the objects of the batch, and waits until they are done: after each object, or after all of them. It returns
// the times before the creations.
func (b *Bench) begin(ctx context.Context, recorder *trace.Recorder, batch load.Batch, build builder) (map[string]time.Time, error) {
	kind, created := kindOf(batch.Shape), map[string]time.Time{}
	for i := range batch.N {
		if batch.Count == 0 && !batch.Held {
			outOfStep(ctx)
		}
		b.made++
		name := fmt.Sprintf("%s-%d", batch.Name, b.made)
		object := build(name)
		created[name] = time.Now()
		if err := b.Client.Create(ctx, object); err != nil {
			return nil, fmt.Errorf("cannot create %s %q: %w", kind, name, err)
		}
		if batch.Written {
			created[name] = time.Now() // only the write is measured
			if err := b.write(ctx, name, batch.Shape); err != nil {
				return nil, err
			}
		}
		if err := recorder.Await(ctx, kind, i+1-abreast(batch)); err != nil {
			return nil, err
		}
	}
	return created, recorder.Await(ctx, kind, batch.N)
}

// write writes the status of a TaskRun that no controller runs, with the cheapest request for the API server: a JSON patch
// whose response has only the object's metadata.
func (b *Bench) write(ctx context.Context, name string, shape load.Shape) error {
	return b.writeStatus(ctx, b.Namespace, name, shape.Status())
}

func (b *Bench) writeStatus(ctx context.Context, namespace, name string, status v1.TaskRunStatus) error {
	patch, err := json.Marshal([]map[string]any{{"op": "add", "path": "/status", "value": &status}})
	if err != nil {
		return fmt.Errorf("cannot encode status: %w", err)
	}
	object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	object.SetGroupVersionKind(v1.GroupVersion.WithKind(v1.KindTaskRun))
	if err := b.Client.Status().Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return fmt.Errorf("cannot write status of TaskRun %q: %w", name, err)
	}
	return nil
}

// abreast returns the maximum number of runs in progress when the next one is created.
func abreast(batch load.Batch) int {
	const fewRunsOfLargeResults = 4
	switch {
	case batch.Held:
		return fewRunsOfLargeResults
	case batch.Count > 0:
		return batch.Count
	default:
		return 0
	}
}

func kindOf(shape load.Shape) trace.Kind {
	switch {
	case shape.Containers > 0, shape.Copied:
		return trace.Pod
	case shape.Tasks > 0:
		return trace.PipelineRun
	default:
		return trace.TaskRun
	}
}

// tick is the interval at which the kubelet checks its containers.
const tick = time.Second

// outOfStep waits for a part of a tick, a different part each time. Runs that start right after the end of the previous run
// would otherwise all start at the same point between two ticks. They would all be shorter or longer because of that.
func outOfStep(ctx context.Context) { pause(ctx, rand.N(tick)) }

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// reading holds the resources used so far.
type reading struct {
	machine    float64
	controller usage.Reading
	requests   usage.Requests
}

// read takes a reading. The metrics page of the API server is long and costs both sides some time. It is therefore read
// outside of the interval for processor time: first at the start of a batch, last at its end.
func (b *Bench) read(ctx context.Context, begins bool) (reading, error) {
	var r reading
	var err error
	if begins {
		if r.requests, err = usage.Server(ctx, b.Kube); err != nil {
			return r, err
		}
	}
	if r.machine, err = usage.Machine(); err != nil {
		return r, err
	}
	if b.Controller != nil {
		if r.controller, err = b.Controller.Read(ctx); err != nil {
			return r, err
		}
		if begins {
			if err := b.Controller.Reset(); err != nil {
				return r, err
			}
		}
	}
	if !begins {
		r.requests, err = usage.Server(ctx, b.Kube)
	}
	return r, err
}

// settle is the time without work before a controller's memory is read.
const settle = 15 * time.Second

// hold measures what the controller needs for finished runs: some time after the last of them, and after a restart.
func (b *Bench) hold(ctx context.Context, n int) (*record.Held, error) {
	if b.Controller == nil {
		return &record.Held{Runs: n}, nil
	}
	pause(ctx, settle)
	now, err := b.Controller.Read(ctx)
	if err != nil {
		return nil, err
	}
	if b.Controller, err = b.Controller.Restart(ctx, b.Kube); err != nil {
		return nil, err
	}
	pause(ctx, settle)
	again, err := b.Controller.Read(ctx)
	if err != nil {
		return nil, err
	}
	return &record.Held{Runs: n, Resident: now.Resident, RestartPeak: again.Peak, RestartResident: again.Resident}, nil
}

// clean deletes everything that a batch created in the namespace, and waits until it is gone. The next batch then starts with
// the same cluster as this one.
func (b *Bench) clean(ctx context.Context) error {
	for _, object := range []client.Object{&v1.PipelineRun{}, &v1.TaskRun{}, &corev1.Pod{}} {
		err := b.Client.DeleteAllOf(ctx, object, client.InNamespace(b.Namespace), client.PropagationPolicy(metav1.DeletePropagationBackground))
		if err != nil {
			return fmt.Errorf("cannot delete the measured objects: %w", err)
		}
	}
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		var pods corev1.PodList
		if err := b.Client.List(ctx, &pods, client.InNamespace(b.Namespace), client.Limit(1)); err != nil {
			return fmt.Errorf("cannot list pods: %w", err)
		}
		if len(pods.Items) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the pods were not deleted: %w", ctx.Err())
		case <-again.C:
		}
	}
}
