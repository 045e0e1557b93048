package taskrun

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// claims returns the claims of the volumeClaimTemplates. The run owns them, so they are deleted with it. Their names are
// derived from the run: a controller that was killed in between finds them again, and all attempts share them.
func claims(tr *v1.TaskRun, bound []v1.WorkspaceBinding) []*corev1.PersistentVolumeClaim {
	var all []*corev1.PersistentVolumeClaim
	for i := range bound {
		template := bound[i].VolumeClaimTemplate
		if template == nil {
			continue
		}
		claim := reconcile.Claim(template, pod.ClaimName(tr, bound[i].Name), v1.KindTaskRun, tr)
		if claim.Labels == nil {
			claim.Labels = map[string]string{}
		}
		claim.Labels[v1.LabelManagedBy] = v1.ManagedBy
		claim.Labels[v1.LabelTaskRun] = name.Label(tr.Name)
		claim.Labels[v1.LabelTaskRunUID] = string(tr.UID)
		all = append(all, claim)
	}
	return all
}

// withClaims returns the bindings of a run for its pod: each template is replaced by the claim that was created from it.
func withClaims(tr *v1.TaskRun, bound []v1.WorkspaceBinding) []v1.WorkspaceBinding {
	all := make([]v1.WorkspaceBinding, len(bound))
	for i, b := range bound {
		if b.VolumeClaimTemplate != nil {
			b.VolumeClaimTemplate = nil
			b.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: pod.ClaimName(tr, b.Name)}
		}
		all[i] = b
	}
	return all
}
