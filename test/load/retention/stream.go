package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/load/retention/etcd"
	"github.com/sluice-ci/sluice/test/load/scale/node"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// result is the name of the result of each run.
	result = "document"
	// sampleEvery is the time between two looks at etcd.
	sampleEvery = 10 * time.Second
	// shownEvery is how many samples there are for each printed line.
	shownEvery = 6
	// insistEvery is the time between two tries of a request.
	insistEvery = 2 * time.Second
	// patience bounds the time of one run, also on a busy machine.
	patience = 15 * time.Minute
)

// errFull is the end of the stream when etcd has raised its alarm.
var errFull = errors.New("etcd has raised its alarm NOSPACE, and accepts no more writes")

// stream creates runs and watches etcd.
type stream struct {
	cluster *kube.Cluster
	etcd    *etcd.Client
	options options
	out     io.Writer

	mu sync.Mutex
	// created, ended and whole count runs: created, ended, and with the whole result.
	created, ended, whole int
	// peak is the largest state of etcd.
	peak etcd.State
	// failures are those of runs.
	failures []error
}

// run creates runs until the time is over or etcd is full, and judges.
func (s *stream) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	player := node.New(s.cluster.Kube, result, s.value(), 2)
	var others sync.WaitGroup
	others.Go(func() {
		for ctx.Err() == nil { // the player ends with the first request that fails
			if err := player.Run(ctx, namespace); err != nil && ctx.Err() == nil {
				fmt.Fprintln(s.out, "the player of pods starts again:", err)
			}
		}
	})
	others.Go(func() { cancel(s.watch(ctx)) })
	began := time.Now()
	s.create(ctx)
	if cause := context.Cause(ctx); cause == nil {
		cancel(nil) // the time is over
	} else if !errors.Is(cause, errFull) {
		s.fail(fmt.Errorf("the stream was interrupted: %w", cause))
	}
	others.Wait()
	return s.judge(time.Since(began), errors.Is(context.Cause(ctx), errFull))
}

func (s *stream) value() string {
	return strings.Repeat("0123456789", s.options.bytes/10+1)[:s.options.bytes]
}

// create creates one run after the other, and returns when all have ended.
func (s *stream) create(ctx context.Context) {
	tick := time.NewTicker(s.options.every)
	defer tick.Stop()
	end := time.After(time.Duration(s.options.minutes * float64(time.Minute)))
	var runs sync.WaitGroup
	defer runs.Wait()
	for i := 0; ; i++ {
		runs.Go(func() { s.follow(ctx, fmt.Sprintf("run-%d", i)) })
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-tick.C:
		}
	}
}

// follow creates a run, waits for its end, and verifies its result. It deletes the pod of the run. After the alarm, errors of a full
// etcd are no failures of the run.
func (s *stream) follow(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{
		Results: []v1.TaskResult{{Name: result, Type: v1.TypeString}},
		Steps:   []v1.Step{{Name: "s", Image: kube.StepImage, Script: "true"}},
	}}}
	s.count(&s.created)
	err := insist(ctx, func() (bool, error) {
		err := s.cluster.Client.Create(ctx, run)
		return err == nil || apierrors.IsAlreadyExists(err), err
	})
	if err == nil {
		err = s.await(ctx, run)
	}
	if err != nil && !errors.Is(context.Cause(ctx), errFull) {
		s.fail(fmt.Errorf("TaskRun %q: %w", name, err))
	}
}

// insist calls try until it is done. On a busy machine, single requests fail. The error is the last one, when ctx has ended.
func insist(ctx context.Context, try func() (done bool, err error)) error {
	tick := time.NewTicker(insistEvery)
	defer tick.Stop()
	last := errors.New("not done")
	for {
		done, err := try()
		if done {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; the last error: %w", ctx.Err(), last)
		case <-tick.C:
		}
	}
}

// await waits for the end of a run.
func (s *stream) await(ctx context.Context, run *v1.TaskRun) error {
	key := client.ObjectKeyFromObject(run)
	err := insist(ctx, func() (bool, error) {
		err := s.cluster.Client.Get(ctx, key, run)
		return err == nil && run.Status.Done(), err
	})
	if err != nil {
		return err
	}
	s.count(&s.ended)
	if n := len(run.Status.Results); n != 1 || run.Status.Results[0].Value.String != s.value() {
		return fmt.Errorf("the result is not whole: %d results, condition %+v", n, run.Status.Condition())
	}
	s.count(&s.whole)
	return insist(ctx, func() (bool, error) {
		pods := s.cluster.Kube.CoreV1().Pods(namespace)
		err := pods.Delete(ctx, run.Status.PodName, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
		return client.IgnoreNotFound(err) == nil, err
	})
}

func (s *stream) count(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, err)
}

// watch looks at etcd until ctx ends. It returns errFull after the alarm.
func (s *stream) watch(ctx context.Context) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	began := time.Now()
	for i := 0; ; i++ {
		state, err := s.etcd.Read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			fmt.Fprintln(s.out, "etcd does not respond:", err)
		} else {
			s.note(state)
		}
		if err == nil && (i%shownEvery == 0 || state.Full) {
			s.print(ctx, time.Since(began), state)
		}
		if state.Full {
			return errFull
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *stream) note(state etcd.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peak.Size, s.peak.InUse = max(s.peak.Size, state.Size), max(s.peak.InUse, state.InUse)
	s.peak.Quota, s.peak.Full = state.Quota, s.peak.Full || state.Full
}

const mib = 1 << 20

// print prints a line about the present.
func (s *stream) print(ctx context.Context, since time.Duration, state etcd.State) {
	stored := "?"
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1.GroupVersion.WithKind(v1.KindTaskRun + "List"))
	if err := s.cluster.Client.List(ctx, list, client.InNamespace(namespace)); err == nil {
		stored = fmt.Sprint(len(list.Items))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%5.1f min  %4d runs ended, %s stored  etcd %4d MiB, %4d MiB in use, quota %d MiB\n",
		since.Minutes(), s.ended, stored, state.Size/mib, state.InUse/mib, state.Quota/mib)
}

// judge returns an error unless everything was as it must be.
func (s *stream) judge(took time.Duration, full bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%.1f minutes, %d runs created, %d ended, %d with the whole result of %d bytes; "+
		"etcd had at most %d MiB (%d MiB in use) of %d MiB\n",
		took.Minutes(), s.created, s.ended, s.whole, s.options.bytes, s.peak.Size/mib, s.peak.InUse/mib, s.peak.Quota/mib)
	switch {
	case s.options.off && !full:
		return errors.Join(append(s.failures, errors.New("the alarm did not come without retention"))...)
	case s.options.off:
		fmt.Fprintln(s.out, "without retention:", errFull)
		return nil
	case full:
		return errors.Join(append(s.failures, errFull)...)
	case s.whole != s.created:
		s.failures = append(s.failures, fmt.Errorf("%d runs were created, and %d ended with the whole result", s.created, s.whole))
	}
	return errors.Join(s.failures...)
}
