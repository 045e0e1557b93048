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

// beside is what other sources than the watch observed of pods.
type beside struct {
	reader *reader
	hops   *hops
}

// sampled is the number of pods whose logs are read completely to measure their length.
const sampled = 3

// fill adds the recorder's observations and the times in the pods' logs to measured. It returns an error for an invalid
// measurement: a run that failed, or whose result is not what its step wrote.
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
		} else if err := failure(pod.Pod); err != nil {
			return err
		}
		run, said, err := b.run(ctx, pod, start)
		if err != nil {
			return err
		}
		if measured.Row.Random && !strings.HasPrefix(said, parent.Digest+" ") {
			return fmt.Errorf("TaskRun %q has a result with the digest %q, but its step wrote one with %q", pod.Parent, parent.Digest, said)
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

// trouble names a run that is not a valid measurement.
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

// begun returns the time before the creation of a TaskRun, or of its first observation if the benchmark did not create it.
func begun(run trace.Run, created map[string]time.Time) time.Time {
	if t, ok := created[run.Name]; ok {
		return t
	}
	return run.At[trace.Seen]
}

// hops returns the other observations of a pod, or nil if there are none.
func (b *Bench) hops(ctx context.Context, pod trace.Run, start time.Time, seen beside) map[string]float64 {
	times := seen.hops.of(pod.Name, start)
	if times == nil {
		return nil
	}
	times[record.Arrived] = since(start, seen.reader.arrived()[pod.Name].last)
	if _, logged, _, err := b.stamps(ctx, pod.Name, sidecar(pod.Pod)); err == nil {
		times[record.Logged] = since(start, logged)
	}
	return times
}

// run returns the times of a pod, counted from start, and the last line of its first step.
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

// counted returns the containers whose lines mark the begin and end of the work: the steps, or all containers of a bare pod.
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

// since returns the time from start to then in seconds, to a tenth of a millisecond; 0 if either is unknown.
func since(start, then time.Time) float64 {
	if start.IsZero() || then.IsZero() {
		return 0
	}
	return float64(then.Sub(start).Round(100*time.Microsecond)) / float64(time.Second)
}
