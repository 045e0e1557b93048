package measure

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/test/load/bench/record"
	"github.com/sluice-ci/sluice/test/load/bench/trace"
)

// beside is what was seen of pods by other means than watching them.
type beside struct {
	reader *reader
	hops   *hops
}

// sampled is how many pods' logs are read whole to know how long they are.
const sampled = 3

// fill puts into measured what the recorder saw, and what the logs of the pods say. It fails if a run is no good
// measurement: it failed, or has not the result that its step wrote.
func (b *Bench) fill(ctx context.Context, measured *record.Batch, recorder *trace.Recorder,
	created map[string]time.Time, seen beside) error {
	if err := trouble(recorder); err != nil {
		return err
	}
	for name, run := range recorder.All(trace.PipelineRun) {
		measured.Pipelines = append(measured.Pipelines, since(created[name], run.At[trace.Done]))
	}
	if measured.Row.Written {
		for name, run := range recorder.All(trace.TaskRun) {
			measured.Runs = append(measured.Runs, record.Run{Done: since(created[name], run.At[trace.Done])})
		}
		return nil
	}
	pods, runs, arrived := recorder.All(trace.Pod), recorder.All(trace.TaskRun), seen.reader.arrived()
	for i, name := range slices.Sorted(maps.Keys(pods)) {
		pod := pods[name]
		parent, ofRun := runs[pod.Parent]
		start, done := created[name], pod.At[trace.Done]
		if ofRun {
			start, done = begun(parent, created), parent.At[trace.Done]
		}
		run, said, err := b.run(ctx, pod, start)
		if err != nil {
			return err
		}
		if measured.Row.Random && !strings.HasPrefix(said, parent.Digest+" ") {
			return fmt.Errorf("TaskRun %q has a result with the digest %q, and its step said %q of what it wrote", pod.Parent, parent.Digest, said)
		}
		run.Done, run.Line = since(start, done), since(start, arrived[name].first)
		run.Hops = b.hops(ctx, pod, start, seen)
		measured.Runs = append(measured.Runs, run)
		if i < sampled {
			n, err := b.logBytes(ctx, pod.Pod)
			if err != nil {
				return err
			}
			measured.LogBytes += n / min(sampled, len(pods))
		}
	}
	return nil
}

// trouble names a run that is no good measurement.
func trouble(recorder *trace.Recorder) error {
	for _, kind := range []trace.Kind{trace.PipelineRun, trace.TaskRun} {
		for name, run := range recorder.All(kind) {
			if run.Trouble != "" {
				return fmt.Errorf("%s %q: %s", kind, name, run.Trouble)
			}
		}
	}
	return nil
}

// begun is when the creation of a TaskRun was begun, or when it was first seen, if it was not created here.
func begun(run trace.Run, created map[string]time.Time) time.Time {
	if t, ok := created[run.Name]; ok {
		return t
	}
	return run.At[trace.Seen]
}

// hops tells what else was seen of a pod, nil if nothing was looked at.
func (b *Bench) hops(ctx context.Context, pod trace.Run, start time.Time, seen beside) map[string]float64 {
	told := seen.hops.of(pod.Name, start)
	if told == nil {
		return nil
	}
	told[record.Arrived] = since(start, seen.reader.arrived()[pod.Name].last)
	if _, logged, _, err := b.stamps(ctx, pod.Name, sidecar(pod.Pod)); err == nil {
		told[record.Logged] = since(start, logged)
	}
	return told
}

// run tells what happened to a pod, counted from start, and what its first step said last.
func (b *Bench) run(ctx context.Context, pod trace.Run, start time.Time) (run record.Run, said string, err error) {
	steps := counted(pod.Pod)
	first, _, said, err := b.stamps(ctx, pod.Name, steps[0])
	if err != nil {
		return record.Run{}, "", err
	}
	_, last, _, err := b.stamps(ctx, pod.Name, steps[len(steps)-1])
	return record.Run{
		Pod: since(start, pod.At[trace.Seen]), Scheduled: since(start, pod.At[trace.Scheduled]), PodEnded: since(start, pod.At[trace.Done]),
		Started: since(start, first), Ended: since(start, last),
	}, said, err
}

// counted are the containers whose lines say when work began and ended: the steps, or all of a bare pod.
func counted(pod *corev1.Pod) []string {
	var steps, all []string
	for _, container := range pod.Spec.Containers {
		all = append(all, container.Name)
		if strings.HasPrefix(container.Name, "step-") {
			steps = append(steps, container.Name)
		}
	}
	if len(steps) > 0 {
		return steps
	}
	return all
}

// since is the time from start to then in seconds, to the tenth of a millisecond; 0 if either is not known.
func since(start, then time.Time) float64 {
	if start.IsZero() || then.IsZero() {
		return 0
	}
	return float64(then.Sub(start).Round(100*time.Microsecond)) / float64(time.Second)
}
