package v1

import (
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TextKind says what becomes of a text after variables were substituted in it.
type TextKind int

const (
	// TextPlain arrives as it is.
	TextPlain TextKind = iota
	// TextExpanded is expanded once more by the kubelet, which replaces $(NAME) by an environment variable and "$$" by
	// "$": a value that must arrive unchanged has to be escaped.
	TextExpanded
)

// TextVisitor receives the places of a task where variables may stand. It may change what it is given.
//
// +kubebuilder:object:generate=false
type TextVisitor interface {
	// VisitText receives one text.
	VisitText(path *field.Path, kind TextKind, text *string)
	// VisitList receives a command or args: texts of kind TextExpanded of which one can become several, when it is
	// nothing but a whole array.
	VisitList(path *field.Path, list *[]string)
}

// VisitTexts shows to v every place of the task where variables may stand, as the public documentation of the API lists
// them. Names of params, results, workspaces, steps and sidecars are not among them: they are what variables refer to.
func (s *TaskSpec) VisitTexts(path *field.Path, v TextVisitor) {
	for i := range s.Workspaces {
		visit(v, path.Child("workspaces").Index(i).Child("mountPath"), &s.Workspaces[i].MountPath)
	}
	for i := range s.Steps {
		s.Steps[i].visitTexts(path.Child("steps").Index(i), v)
	}
	for i := range s.Sidecars {
		s.Sidecars[i].visitTexts(path.Child("sidecars").Index(i), v)
	}
	for i := range s.Volumes {
		visitVolume(path.Child("volumes").Index(i), v, &s.Volumes[i])
	}
}

func (s *Step) visitTexts(path *field.Path, v TextVisitor) {
	visitContainer(path, v, containerTexts{
		&s.Image, &s.ImagePullPolicy, &s.Command, &s.Args, &s.Script, &s.WorkingDir, s.EnvFrom, s.Env, s.VolumeMounts,
	})
}

func (s *Sidecar) visitTexts(path *field.Path, v TextVisitor) {
	visitContainer(path, v, containerTexts{
		&s.Image, &s.ImagePullPolicy, &s.Command, &s.Args, &s.Script, &s.WorkingDir, s.EnvFrom, s.Env, s.VolumeMounts,
	})
}

// containerTexts are the fields that steps and sidecars have in common.
type containerTexts struct {
	image      *string
	pull       *corev1.PullPolicy
	command    *[]string
	args       *[]string
	script     *string
	workingDir *string
	envFrom    []corev1.EnvFromSource
	env        []corev1.EnvVar
	mounts     []corev1.VolumeMount
}

func visitContainer(path *field.Path, v TextVisitor, c containerTexts) {
	visit(v, path.Child("image"), c.image)
	visitAs(v, path.Child("imagePullPolicy"), c.pull)
	visitList(v, path.Child("command"), c.command)
	visitList(v, path.Child("args"), c.args)
	visit(v, path.Child("script"), c.script)
	visit(v, path.Child("workingDir"), c.workingDir)
	visitEnv(path, v, c.envFrom, c.env)
	visitMounts(path.Child("volumeMounts"), v, c.mounts)
}

func visitEnv(path *field.Path, v TextVisitor, from []corev1.EnvFromSource, env []corev1.EnvVar) {
	for i := range from {
		path := path.Child("envFrom").Index(i)
		visit(v, path.Child("prefix"), &from[i].Prefix)
		if ref := from[i].ConfigMapRef; ref != nil {
			visit(v, path.Child("configMapRef", "name"), &ref.Name)
		}
		if ref := from[i].SecretRef; ref != nil {
			visit(v, path.Child("secretRef", "name"), &ref.Name)
		}
	}
	for i := range env {
		path := path.Child("env").Index(i)
		if env[i].Value != "" {
			v.VisitText(path.Child("value"), TextExpanded, &env[i].Value)
		}
		source := env[i].ValueFrom
		if source == nil {
			continue
		}
		path = path.Child("valueFrom")
		if ref := source.ConfigMapKeyRef; ref != nil {
			visit(v, path.Child("configMapKeyRef", "name"), &ref.Name)
			visit(v, path.Child("configMapKeyRef", "key"), &ref.Key)
		}
		if ref := source.SecretKeyRef; ref != nil {
			visit(v, path.Child("secretKeyRef", "name"), &ref.Name)
			visit(v, path.Child("secretKeyRef", "key"), &ref.Key)
		}
	}
}

func visitMounts(path *field.Path, v TextVisitor, mounts []corev1.VolumeMount) {
	for i := range mounts {
		path := path.Index(i)
		visit(v, path.Child("name"), &mounts[i].Name)
		visit(v, path.Child("mountPath"), &mounts[i].MountPath)
		visit(v, path.Child("subPath"), &mounts[i].SubPath)
		if mounts[i].SubPathExpr != "" {
			v.VisitText(path.Child("subPathExpr"), TextExpanded, &mounts[i].SubPathExpr)
		}
	}
}

func visitVolume(path *field.Path, v TextVisitor, volume *corev1.Volume) {
	visit(v, path.Child("name"), &volume.Name)
	if s := volume.ConfigMap; s != nil {
		visit(v, path.Child("configMap", "name"), &s.Name)
		visitItems(path.Child("configMap", "items"), v, s.Items)
	}
	if s := volume.Secret; s != nil {
		visit(v, path.Child("secret", "secretName"), &s.SecretName)
		visitItems(path.Child("secret", "items"), v, s.Items)
	}
	if s := volume.PersistentVolumeClaim; s != nil {
		visit(v, path.Child("persistentVolumeClaim", "claimName"), &s.ClaimName)
	}
	if s := volume.Projected; s != nil {
		for i := range s.Sources {
			visitProjection(path.Child("projected", "sources").Index(i), v, &s.Sources[i])
		}
	}
	if s := volume.CSI; s != nil {
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

func visit(v TextVisitor, path *field.Path, text *string) {
	if *text != "" {
		v.VisitText(path, TextPlain, text)
	}
}

// visitAs visits a field of a string type of its own, and writes only what changed.
func visitAs[T ~string](v TextVisitor, path *field.Path, typed *T) {
	text := string(*typed)
	visit(v, path, &text)
	if text != string(*typed) {
		*typed = T(text)
	}
}

func visitList(v TextVisitor, path *field.Path, list *[]string) {
	if len(*list) > 0 {
		v.VisitList(path, list)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func indexSuffix(i int) string { return "[" + strconv.Itoa(i) + "]" }
