package variables

import (
	"iter"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func visitVolume(path *field.Path, v TextVisitor, volume *corev1.Volume) {
	visit(v, path.Child("name"), &volume.Name)
	visitSources(path, v, volumeSources{
		volume.ConfigMap, volume.Secret, volume.PersistentVolumeClaim, volume.Projected, volume.CSI,
	})
}

// VisitBindings shows to v every place of a run's workspaces where variables may stand.
func VisitBindings(bound []v1.WorkspaceBinding, path *field.Path, v TextVisitor) {
	for i := range bound {
		w, path := &bound[i], path.Index(i)
		visit(v, path.Child("subPath"), &w.SubPath)
		visitSources(path, v, volumeSources{w.ConfigMap, w.Secret, w.PersistentVolumeClaim, w.Projected, w.CSI})
		if w.CSI != nil {
			visit(v, path.Child("csi", "driver"), &w.CSI.Driver)
		}
	}
}

// BindingReferences yields every reference in what a run binds to a workspace.
func BindingReferences(bound *v1.WorkspaceBinding) iter.Seq[Reference] {
	return func(yield func(Reference) bool) {
		v := &yielding{yield: func(_ *field.Path, r Reference) bool { return yield(r) }}
		VisitBindings([]v1.WorkspaceBinding{*bound}, nil, (*yieldingTexts)(v))
	}
}

// volumeSources are those that volumes of a task and workspaces of a run have in common.
type volumeSources struct {
	configMap *corev1.ConfigMapVolumeSource
	secret    *corev1.SecretVolumeSource
	claim     *corev1.PersistentVolumeClaimVolumeSource
	projected *corev1.ProjectedVolumeSource
	csi       *corev1.CSIVolumeSource
}

func visitSources(path *field.Path, v TextVisitor, sources volumeSources) {
	if s := sources.configMap; s != nil {
		visit(v, path.Child("configMap", "name"), &s.Name)
		visitItems(path.Child("configMap", "items"), v, s.Items)
	}
	if s := sources.secret; s != nil {
		visit(v, path.Child("secret", "secretName"), &s.SecretName)
		visitItems(path.Child("secret", "items"), v, s.Items)
	}
	if s := sources.claim; s != nil {
		visit(v, path.Child("persistentVolumeClaim", "claimName"), &s.ClaimName)
	}
	if s := sources.projected; s != nil {
		for i := range s.Sources {
			visitProjection(path.Child("projected", "sources").Index(i), v, &s.Sources[i])
		}
	}
	if s := sources.csi; s != nil {
		if s.NodePublishSecretRef != nil {
			visit(v, path.Child("csi", "nodePublishSecretRef", "name"), &s.NodePublishSecretRef.Name)
		}
		visitMap(path.Child("csi", "volumeAttributes"), v, s.VolumeAttributes)
	}
}

func visitProjection(path *field.Path, v TextVisitor, source *corev1.VolumeProjection) {
	if s := source.ConfigMap; s != nil {
		visit(v, path.Child("configMap", "name"), &s.Name)
		visitItems(path.Child("configMap", "items"), v, s.Items)
	}
	if s := source.Secret; s != nil {
		visit(v, path.Child("secret", "name"), &s.Name)
		visitItems(path.Child("secret", "items"), v, s.Items)
	}
	if s := source.ServiceAccountToken; s != nil {
		visit(v, path.Child("serviceAccountToken", "audience"), &s.Audience)
	}
}

func visitItems(path *field.Path, v TextVisitor, items []corev1.KeyToPath) {
	for i := range items {
		visit(v, path.Index(i).Child("key"), &items[i].Key)
		visit(v, path.Index(i).Child("path"), &items[i].Path)
	}
}

// visitMap visits values ordered by key, and writes only what changed: a reader may share the map with others.
func visitMap(path *field.Path, v TextVisitor, m map[string]string) {
	for _, key := range sortedKeys(m) {
		text := m[key]
		visit(v, path.Key(key), &text)
		if text != m[key] {
			m[key] = text
		}
	}
}
