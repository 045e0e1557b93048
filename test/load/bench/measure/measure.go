// Package measure runs what is to be measured, and measures it.
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
	// Namespace that runs and pods are made in; nobody else may make any there.
	Namespace string
	// Installation is the namespace of the ConfigMap feature-flags.
	Installation string
	// Image that steps and containers run in.
	Image string
	// Controller that is measured; nil if it cannot be seen from this machine.
	Controller *usage.Controller

	// made counts what was made, for names.
	made int
}

// patience is how long one batch may take.
const patience = 30 * time.Minute

// Measure measures one batch, and deletes what it made. Flags have to be set for its mode.
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
	created, err := b.begin(ctx, recorder, batch)
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

// begin creates what the batch consists of and waits until all of it is done: of each before the next, or of all at once.
// It returns when each creation was begun.
func (b *Bench) begin(ctx context.Context, recorder *trace.Recorder, batch load.Batch) (map[string]time.Time, error) {
	kind, created := kindOf(batch.Shape), map[string]time.Time{}
	for i := range batch.N {
		if batch.Count == 0 && !batch.Held {
			outOfStep(ctx)
		}
		b.made++
		name := fmt.Sprintf("%s-%d", batch.Name, b.made)
		object := batch.Object(b.Namespace, name, b.Image)
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

// write writes the status of a TaskRun that nobody runs, in the way that costs the API server least: a JSON patch, answered
// by the object's metadata.
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

// abreast is how many runs may be under way when the next is created.
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
	case shape.Containers > 0:
		return trace.Pod
	case shape.Tasks > 0:
		return trace.PipelineRun
	default:
		return trace.TaskRun
	}
}

// tick is how often the kubelet looks at its containers.
const tick = time.Second

// outOfStep waits for a part of a tick, another one each time: runs that begin right after the end of one another would
// all begin at the same moment between two ticks, and be shorter or longer for that alone.
func outOfStep(ctx context.Context) { pause(ctx, rand.N(tick)) }

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// reading is everything that has been used so far.
type reading struct {
	machine    float64
	controller usage.Reading
	requests   usage.Requests
}

// read reads it. The page of the API server is long and costs both sides some time, so it is read outside of the span that
// processor time is taken for: first when a batch begins, last when it ends.
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

// settle is how long a controller is left alone before its memory is read.
const settle = 15 * time.Second

// hold measures what the controller needs for runs that have ended: a while after the last of them, and when it is started
// with them there.
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

// clean deletes everything in the namespace that a batch has made, and waits until it is gone, so that the next batch
// begins with the cluster as this one did.
func (b *Bench) clean(ctx context.Context) error {
	for _, object := range []client.Object{&v1.PipelineRun{}, &v1.TaskRun{}, &corev1.Pod{}} {
		err := b.Client.DeleteAllOf(ctx, object, client.InNamespace(b.Namespace), client.PropagationPolicy(metav1.DeletePropagationBackground))
		if err != nil {
			return fmt.Errorf("cannot delete what was measured: %w", err)
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
			return fmt.Errorf("cannot see the pods gone: %w", ctx.Err())
		case <-again.C:
		}
	}
}
