package ownership

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/partial"
)

// TrimTaskRun reports whether the controller manages a TaskRun. If not, it drops everything except what identifies the run,
// so that the runs of another controller take little memory. It changes the run, so call it only on objects that only the
// cache holds.
func (r Rule) TrimTaskRun(tr *v1.TaskRun) bool {
	if r.Manages(tr.Spec.ManagedBy) {
		return true
	}
	*tr = v1.TaskRun{TypeMeta: tr.TypeMeta, ObjectMeta: identity(&tr.ObjectMeta), Spec: v1.TaskRunSpec{ManagedBy: tr.Spec.ManagedBy}}
	partial.Identity.Put(tr)
	return false
}

// TrimPipelineRun is TrimTaskRun for PipelineRuns.
func (r Rule) TrimPipelineRun(pr *v1.PipelineRun) bool {
	if r.Manages(pr.Spec.ManagedBy) {
		return true
	}
	*pr = v1.PipelineRun{
		TypeMeta: pr.TypeMeta, ObjectMeta: identity(&pr.ObjectMeta), Spec: v1.PipelineRunSpec{ManagedBy: pr.Spec.ManagedBy},
	}
	partial.Identity.Put(pr)
	return false
}

// identity keeps the fields that caches need, the time of creation, and the runs that own the run. The owners lose their UIDs
// and do not control it any more, so that no reconcile starts for them.
func identity(m *metav1.ObjectMeta) metav1.ObjectMeta {
	kept := metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp,
	}
	for _, owner := range m.OwnerReferences {
		if isRun(owner) {
			kept.OwnerReferences = append(kept.OwnerReferences,
				metav1.OwnerReference{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: owner.Name})
		}
	}
	return kept
}
