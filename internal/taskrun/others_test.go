package taskrun

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
)

// TestObjectsOfOthersAreRefused: a name is no proof. A user who may create pods or claims in a namespace can prepare one with
// the name for a run, with results of that user's choice (CVE-2023-37264 of a peer).
func TestObjectsOfOthersAreRefused(t *testing.T) {
	owned := func(o metav1.Object, change func(*metav1.OwnerReference)) {
		owner := metav1.NewControllerRef(taskRun(), v1.GroupVersion.WithKind(v1.KindTaskRun))
		change(owner)
		o.SetOwnerReferences([]metav1.OwnerReference{*owner})
	}
	finished := func(change func(*metav1.OwnerReference)) *corev1.Pod {
		p := runPod(corev1.PodSucceeded, terminated(0, record(0, value("digest", "string", "forged"))), terminated(0, record(0)))
		owned(p, change)
		return p
	}
	withClaim := func(tr *v1.TaskRun) {
		tr.Spec.TaskSpec.Workspaces = []v1.WorkspaceDeclaration{{Name: "w"}}
		tr.Spec.Workspaces = []v1.WorkspaceBinding{{
			Name: "w",
			VolumeClaimTemplate: &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources:   corev1.VolumeResourceRequirements{Requests: list("storage", "1Gi")},
			}},
		}}
	}
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: pod.ClaimName(taskRun(withClaim), "w")}}
	cases := map[string]struct {
		reason string
		run    *v1.TaskRun
		object client.Object
		want   string
		words  string
	}{
		"NoOwner": {
			reason: "a pod that somebody made by hand",
			run:    taskRun(),
			object: finished(func(o *metav1.OwnerReference) { o.Kind, o.UID = "ReplicaSet", "rs" }),
			want:   "False PodCreationFailed",
			words:  "does not belong to this TaskRun",
		},
		"NotController": {
			reason: "an owner that does not control it",
			run:    taskRun(),
			object: finished(func(o *metav1.OwnerReference) { o.Controller = nil }),
			want:   "False PodCreationFailed",
			words:  "does not belong to this TaskRun",
		},
		"OtherUID": {
			reason: "of an earlier run of the same name: its results are not this one's",
			run:    taskRun(),
			object: finished(func(o *metav1.OwnerReference) { o.UID = "earlier" }),
			want:   "Unknown Pending",
			words:  "of an earlier run of the same name",
		},
		"LaterPod": {
			reason: "one that has taken the name of the run's pod, when that is gone",
			run:    taskRun(started),
			object: finished(func(o *metav1.OwnerReference) { o.UID = "other" }),
			want:   "False PodDeleted",
			words:  "was deleted",
		},
		"Claim": {
			reason: "a claim that somebody made",
			run:    taskRun(withClaim),
			object: claim,
			want:   "False CouldntCreateWorkspacePVC",
			words:  "does not belong to this TaskRun",
		},
	}
	for _, from := range []config.ResultsFrom{config.TerminationMessage, config.SidecarLogs} {
		for name, tc := range cases {
			t.Run(string(from)+"/"+name, func(t *testing.T) {
				w := newWorld(t, []client.Object{tc.run.DeepCopy(), tc.object.DeepCopyObject().(client.Object)}, interceptor.Funcs{})
				flags := config.Default().Flags
				flags.ResultsFrom = from
				w.store.SetFlags(flags)
				tr := w.pass(t)
				wantCondition(t, tr, tc.want, tc.words)
				if len(tr.Status.Results) != 0 {
					t.Errorf("%s: want no result, got %v", tc.reason, tr.Status.Results)
				}
			})
		}
	}
}

// TestRequestsNameTheObject: what stops or deletes a pod names it by its UID, so that another one that has taken its name
// in the meantime is left alone.
func TestRequestsNameTheObject(t *testing.T) {
	p := runPod(corev1.PodRunning, running(), running())
	var stopped string
	var deleted types.UID
	w := newWorld(t, []client.Object{p}, interceptor.Funcs{
		Patch: func(_ context.Context, _ client.WithWatch, o client.Object, patch client.Patch, _ ...client.PatchOption) error {
			data, err := patch.Data(o)
			stopped = string(data)
			return err
		},
		Delete: func(_ context.Context, _ client.WithWatch, _ client.Object, opts ...client.DeleteOption) error {
			if p := new(client.DeleteOptions).ApplyOptions(opts).Preconditions; p != nil && p.UID != nil {
				deleted = *p.UID
			}
			return nil
		},
	})
	if err := w.stopPod(t.Context(), p); err != nil || !strings.Contains(stopped, `"uid":"pod-uid"`) {
		t.Errorf("want the pod stopped by its UID, got %q, %v", stopped, err)
	}
	if err := w.deletePod(t.Context(), p); err != nil || deleted != p.UID {
		t.Errorf("want the pod deleted by its UID, got %q, %v", deleted, err)
	}
}
