package cloudevents

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// typical returns a TaskRun of two steps and one result that has ended.
func typical() *v1.TaskRun {
	spec := v1.TaskSpec{Results: []v1.TaskResult{{Name: "digest", Type: v1.TypeString}}}
	tr := run("build")
	at := metav1.NewTime(time.Unix(1_700_000_100, 0))
	for _, name := range []string{"compile", "test"} {
		spec.Steps = append(spec.Steps, v1.Step{
			Name: name, Image: "registry.example/team/go:1.27", Script: "#!/bin/sh\nset -eu\ngo " + name + " ./...\n",
		})
		tr.Status.Steps = append(tr.Status.Steps, v1.StepState{
			Name: name, Container: "step-" + name, ImageID: "registry.example/team/go@sha256:" + sum(name), TerminationReason: "Completed",
			ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: at, FinishedAt: at}},
		})
	}
	tr.Labels = map[string]string{
		v1.LabelPipeline: "release", v1.LabelPipelineTask: "build", "app.kubernetes.io/managed-by": "tekton-pipelines",
	}
	tr.Spec.TaskSpec, tr.Spec.Params = &spec, []v1.Param{{Name: "url", Value: v1.StringValue("https://example.com/team/checkout.git")}}
	tr.Spec.ServiceAccountName, tr.Spec.Timeout = "default", &metav1.Duration{Duration: time.Hour}
	tr.Status.TaskSpec, tr.Status.PodName, tr.Status.StartTime, tr.Status.CompletionTime = &spec, "build-pod", &at, &at
	tr.Status.Results = []v1.TaskRunResult{result("digest", "sha256:"+sum("digest"))}
	tr.Status.SetCondition(finished(), at)
	return tr
}

// BenchmarkEncode is what one event costs a reconcile.
func BenchmarkEncode(b *testing.B) {
	tr := typical()
	for b.Loop() {
		if _, err := encode(tr); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrites is what the events of one run cost its reconciles: three writes of the status, with four events.
func BenchmarkWrites(b *testing.B) {
	c := config.Default()
	c.Events.Sink = "http://unused.invalid"
	o := New(Options{Config: config.NewStore(c), Clock: clock.RealClock{}}).TaskRuns()
	for b.Loop() {
		tr := typical()
		tr.Status.Conditions = nil
		for _, condition := range []metav1.Condition{pending(), running(), finished()} {
			after := *tr
			after.Status.Conditions = nil
			after.Status.SetCondition(condition, metav1.Time{})
			after.Status = o.Due(tr, after.Status)
			o.Written(tr, &after)
			tr = &after
		}
		o.delivery.backlog.drop(tr.UID)
	}
}

// BenchmarkSend is what one event costs a worker, with the receiver, which is in the same process.
func BenchmarkSend(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	defer server.Close()
	s := newSender(1)
	body, err := encode(typical())
	if err != nil {
		b.Fatal(err)
	}
	e := event{ref: refOf(v1.KindTaskRun, "v1", run("build")), numbered: numbered{1, Queued}, at: time.Now(), body: body}
	for b.Loop() {
		if err := s.send(b.Context(), server.URL, e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStamp is what the mark costs one run that ends: its registration, its stamp in the record, and its release with twenty others.
func BenchmarkStamp(b *testing.B) {
	batches, now := newBatches(), time.Now()
	batches.begin(now.Unix())
	before := record{last: 2}
	refs := make([]Ref, 20)
	for i := range refs {
		refs[i] = Ref{Kind: v1.KindTaskRun, Version: "v1", UID: types.UID(strconv.Itoa(i))}
	}
	for n := 0; b.Loop(); n++ {
		ref := refs[n%len(refs)]
		next, _ := before.with([]Phase{Running, Successful})
		next.stamp = batches.join(ref, now)
		stamp := parse(next.String()).stamp
		batches.stored(ref.UID, stamp, now)
		batches.waits(ref.UID, stamp, now)
		if n%len(refs) == len(refs)-1 {
			batches.next()
			if last, ok := batches.last(); ok {
				batches.leave(last)
			}
		}
	}
}
