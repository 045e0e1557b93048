package pod

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/inpod/hold"
)

// TestHeldIsOneWord: the controller writes into the annotation what the entrypoint waits for.
func TestHeldIsOneWord(t *testing.T) {
	if hold.Held != v1.StepsHeld {
		t.Errorf("the entrypoint waits for %q, and the controller writes %q", hold.Held, v1.StepsHeld)
	}
}

// TestMarksAreTheControllers: a user cannot decide by an annotation of the run whether its steps are held.
func TestMarksAreTheControllers(t *testing.T) {
	for name, await := range map[string]bool{"On": true, "Off": false} {
		t.Run(name, func(t *testing.T) {
			in := input(oneStep(func(*v1.Step) {}), func(in *Input) {
				in.Settings.AwaitInjected = await
				in.TaskRun.Annotations = map[string]string{v1.AnnotationSteps: v1.StepsHeld}
			})
			p, err := Build(in)
			if err != nil {
				t.Fatal(err)
			}
			want := map[bool]string{true: v1.StepsFree}[await]
			if got := p.Annotations[v1.AnnotationSteps]; got != want {
				t.Errorf("want mark %q, got %q", want, got)
			}
			Trim(p)
			if got := p.Annotations[v1.AnnotationSteps]; got != want {
				t.Errorf("want the cache to keep mark %q, got %q", want, got)
			}
		})
	}
}

// TestHeldStepReadsWhetherItMayStart: only the first step does, because the other ones wait for it. The kubelet writes the value of
// the annotation into the file that the step reads.
func TestHeldStepReadsWhetherItMayStart(t *testing.T) {
	p, err := Build(input(v1.TaskSpec{Steps: []v1.Step{command("one", "true"), command("two", "true")}},
		func(in *Input) { in.Settings.AwaitInjected = true }))
	if err != nil {
		t.Fatal(err)
	}
	Hold(p)
	if got := p.Annotations[v1.AnnotationSteps]; got != v1.StepsHeld {
		t.Errorf("want mark %q, got %q", v1.StepsHeld, got)
	}
	for i, want := range []string{"/tekton/downward/steps", ""} {
		c := &p.Spec.Containers[i]
		if got, _ := optionOf(c.Args, "-hold"); got != want || mountsAt(c.VolumeMounts, "/tekton/downward") != (want != "") {
			t.Errorf("container %q: want file %q, got %q and mounts %v", c.Name, want, got, c.VolumeMounts)
		}
	}
	for i := range p.Spec.Volumes {
		source := p.Spec.Volumes[i].DownwardAPI
		if source == nil {
			continue
		}
		if got := source.Items[0]; got.Path != "steps" || got.FieldRef.FieldPath != "metadata.annotations['sluice.dev/steps']" {
			t.Errorf("want the annotation in the file, got %+v", got)
		}
		return
	}
	t.Error("the pod has no downward API volume")
}

// TestOnlyHeldPodsHaveTheVolume: a pod without injected containers does not pay for the wait.
func TestOnlyHeldPodsHaveTheVolume(t *testing.T) {
	build := func(await bool) *corev1.Pod {
		p, err := Build(input(v1.TaskSpec{Steps: []v1.Step{command("one", "true"), command("two", "true")}},
			func(in *Input) { in.Settings.AwaitInjected = await }))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for i := range build(true).Spec.Volumes {
		if v := build(true).Spec.Volumes[i]; v.DownwardAPI != nil {
			t.Errorf("want no downward API volume, got %+v", v)
		}
	}
	if diff := cmp.Diff(build(false).Spec, build(true).Spec); diff != "" {
		t.Errorf("want the same pod with and without the wait: -without +with:\n%s", diff)
	}
}
