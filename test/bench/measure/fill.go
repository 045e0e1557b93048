package measure

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/test/bench/record"
	"github.com/sluice-ci/sluice/test/bench/trace"
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
func (b *Bench) fill(ctx context.Context, measured *record.Batch, recorder *trace.Recorder, created map[string]time.Time, seen beside) error {
	for _, kind := range []trace.Kind{trace.PipelineRun, trace.TaskRun} {
		for name, run := range recorder.All(kind) {
			if run.Trouble != "" {
				return fmt.Errorf("%s %q: %s", kind, name, run.Trouble)
			}
		}
	}
	for name, run := range recorder.All(trace.PipelineRun) {
		measured.Pipelines = append(measured.Pipelines, since(created[name], run.At[trace.Done]))
	}
	pods, runs, arrived := recorder.All(trace.Pod), recorder.All(trace.TaskRun), seen.reader.arrived()
	for i, name := range slices.Sorted(maps.Keys(pods)) {
		pod := pods[name]
		start, done := created[name], pod.At[trace.Done]
		if run, ok := runs[pod.Parent]; ok {
			start, done = run.At[trace.Seen], run.At[trace.Done]
			if t, ok := created[run.Name]; ok {
				start = t
			}
		}
		run, said, err := b.run(ctx, pod, start)
		if err != nil {
			return err
		}
		if digest := runs[pod.Parent].Digest; measured.Row.Random && !strings.HasPrefix(said, digest+" ") {
			return fmt.Errorf("TaskRun %q has a result with the digest %q, and its step said %q of what it wrote", pod.Parent, digest, said)
		}
		run.Done, run.Line = since(start, done), since(start, arrived[name].first)
		if run.Hops = seen.hops.of(name, start); run.Hops != nil {
			run.Hops[record.Arrived] = since(start, arrived[name].last)
			if _, logged, _, err := b.stamps(ctx, name, sidecar(pod.Pod)); err == nil {
				run.Hops[record.Logged] = since(start, logged)
			}
		}
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
