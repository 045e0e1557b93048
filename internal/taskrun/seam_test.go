package taskrun

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
)

// byAnnotation is a third way in which results leave pods: an annotation of the pod. It needs only this type, and one line in
// the list of transports.
type byAnnotation struct{ forgotten *[]types.NamespacedName }

func (byAnnotation) AddTo(p *corev1.Pod, layout pod.Layout) {
	p.Spec.Containers = append(p.Spec.Containers, corev1.Container{
		Name: "annotator", Image: layout.Image, VolumeMounts: layout.ResultMounts(),
	})
}

func (byAnnotation) Progress(run transport.Run) collect.Progress {
	text, ok := run.Pod.Annotations["digest"]
	if !ok {
		return collect.Progress{}
	}
	set := &collect.Set{Results: []frame.Result{{Name: "digest", Type: "string", Value: []byte(text)}}}
	for _, name := range podpaths.StepContainers(run.Spec) {
		set.Steps = append(set.Steps, frame.Step{Name: name, Reason: frame.ReasonCompleted, StartedAt: epoch(), FinishedAt: epoch()})
	}
	return collect.Progress{Set: set}
}

func (m byAnnotation) Forget(run types.NamespacedName) { *m.forgotten = append(*m.forgotten, run) }

// TestThirdMethod: a further approach is one package and one line.
func TestThirdMethod(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(func(tr *v1.TaskRun) {
		tr.Annotations = map[string]string{v1.AnnotationResultsFrom: "annotation"}
	})}, interceptor.Funcs{})
	var forgotten []types.NamespacedName
	w.Transports["annotation"] = byAnnotation{&forgotten}
	flags, problems := config.ParseFlags(map[string]string{"results-from": "annotation"}, w.Transports.Names())
	if flags.ResultsFrom != "annotation" || problems != nil {
		t.Errorf("the flag takes the new value, got %q, %v", flags.ResultsFrom, problems)
	}
	if got := w.pass(t).Status.Provenance.FeatureFlags.ResultExtractionMethod; got != "annotation" {
		t.Errorf("the status says how the results come back, got %q", got)
	}
	p := w.pod(t)
	if last := p.Spec.Containers[len(p.Spec.Containers)-1].Name; last != "annotator" {
		t.Errorf("the pod has what the method adds, got %q", last)
	}
	w.store.SetFlags(config.Flags{ResultsFrom: config.SidecarLogs, MaxResultSize: 4096}) // which this pod knows nothing of
	wantCondition(t, w.pass(t), "Unknown Pending")
	p.Annotations = map[string]string{"digest": "d"}
	if err := w.client.Update(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	tr := w.pass(t)
	if reason(tr) != "True Succeeded" || len(tr.Status.Results) != 1 || tr.Status.Results[0].Value.String != "d" {
		t.Errorf("the method's word is the run's outcome, got %s, %+v", reason(tr), tr.Status.Results)
	}
	w.pass(t)
	if len(forgotten) != 1 {
		t.Errorf("a run that has ended is forgotten, got %v", forgotten)
	}
}

// TestUnknownMethodFails: a controller that was replaced by an older one meets pods that it cannot read. They are not
// green and empty.
func TestUnknownMethodFails(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(func(tr *v1.TaskRun) {
		tr.Annotations = map[string]string{v1.AnnotationResultsFrom: "newer"}
	})}, interceptor.Funcs{})
	w.Transports["newer"] = byAnnotation{new([]types.NamespacedName)}
	w.pass(t)
	delete(w.Transports, "newer")
	w.play(t, corev1.PodSucceeded, terminated(0, record(0)), terminated(0, record(0)))
	wantCondition(t, w.pass(t), "False TaskRunResultsUnavailable")
}

// TestDeletedRunIsForgotten: a run that is deleted while it runs is seen as not found, and must not leave its results
// in memory.
func TestDeletedRunIsForgotten(t *testing.T) {
	w := newWorld(t, nil, interceptor.Funcs{})
	var forgotten []types.NamespacedName
	w.Transports["annotation"] = byAnnotation{&forgotten}
	if _, err := w.Reconcile(context.Background(), ctrl.Request{NamespacedName: keyOf(taskRun())}); err != nil {
		t.Fatal(err)
	}
	if len(forgotten) != 1 || forgotten[0] != keyOf(taskRun()) {
		t.Errorf("want the run forgotten by its name, got %v", forgotten)
	}
}
