package variables

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
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
type TextVisitor interface {
	// VisitText receives one text.
	VisitText(path *field.Path, kind TextKind, text *string)
	// VisitList receives a command or args: texts of kind TextExpanded of which one can become several, when it is
	// nothing but a whole array.
	VisitList(path *field.Path, list *[]string)
}

// VisitTaskTexts shows to v every place of the task where variables may stand, as the public documentation of the API lists
// them. Names of params, results, workspaces, steps and sidecars are not among them: they are what variables refer to.
// Params of steps, and their when expressions, are shown by VisitTaskValues: they are values with types.
func VisitTaskTexts(s *v1.TaskSpec, path *field.Path, v TextVisitor) {
	VisitTaskTextsWith(s, path, v, func(i int, path *field.Path) { VisitStepTexts(&s.Steps[i], path, v) })
}

// VisitTaskTextsWith shows everything to v but the steps, which it shows to visitStep in their place.
func VisitTaskTextsWith(s *v1.TaskSpec, path *field.Path, v TextVisitor, visitStep func(i int, path *field.Path)) {
	for i := range s.Workspaces {
		visit(v, path.Child("workspaces").Index(i).Child("mountPath"), &s.Workspaces[i].MountPath)
	}
	if s.StepTemplate != nil {
		visitTemplateTexts(s.StepTemplate, path.Child("stepTemplate"), v)
	}
	for i := range s.Steps {
		visitStep(i, path.Child("steps").Index(i))
	}
	for i := range s.Sidecars {
		VisitSidecarTexts(&s.Sidecars[i], path.Child("sidecars").Index(i), v)
	}
	for i := range s.Volumes {
		visitVolume(path.Child("volumes").Index(i), v, &s.Volumes[i])
	}
}

// VisitStepTexts shows to v every place of the step where variables may stand; see VisitTaskTexts.
func VisitStepTexts(s *v1.Step, path *field.Path, v TextVisitor) {
	VisitFixedStepTexts(s, path, v)
	VisitRuntimeStepTexts(s, path, v)
}

// VisitFixedStepTexts shows those texts of the step that must be known before the pod is made.
func VisitFixedStepTexts(s *v1.Step, path *field.Path, v TextVisitor) {
	visitChild(v, path, "image", &s.Image)
	visitAs(v, path, "imagePullPolicy", &s.ImagePullPolicy)
	visitChild(v, path, "workingDir", &s.WorkingDir)
	visitEnvSources(path, v, s.EnvFrom, s.Env)
	visitMounts(path, v, s.VolumeMounts)
	visitDevices(path, v, s.VolumeDevices)
	visitAs(v, path, "onError", &s.OnError)
	visitUsages(path, v, s.Workspaces)
	for _, output := range []struct {
		field  string
		config *v1.StepOutputConfig
	}{{"stdoutConfig", s.StdoutConfig}, {"stderrConfig", s.StderrConfig}} {
		if output.config != nil {
			visit(v, path.Child(output.field, "path"), &output.config.Path)
		}
	}
}

// VisitRuntimeStepTexts shows those texts of the step that the step itself uses: results of earlier steps may stand in
// them, which are known only when it starts.
func VisitRuntimeStepTexts(s *v1.Step, path *field.Path, v TextVisitor) {
	visitList(v, path, "command", &s.Command)
	visitList(v, path, "args", &s.Args)
	visitChild(v, path, "script", &s.Script)
	visitEnvValues(path, v, s.Env)
}

func visitTemplateTexts(s *v1.StepTemplate, path *field.Path, v TextVisitor) {
	visitChild(v, path, "image", &s.Image)
	visitAs(v, path, "imagePullPolicy", &s.ImagePullPolicy)
	visitList(v, path, "command", &s.Command)
	visitList(v, path, "args", &s.Args)
	visitChild(v, path, "workingDir", &s.WorkingDir)
	visitEnvSources(path, v, s.EnvFrom, s.Env)
	visitEnvValues(path, v, s.Env)
	visitMounts(path, v, s.VolumeMounts)
	visitDevices(path, v, s.VolumeDevices)
}

// VisitSidecarTexts shows to v every place of the sidecar where variables may stand; see VisitTaskTexts.
func VisitSidecarTexts(s *v1.Sidecar, path *field.Path, v TextVisitor) {
	visitChild(v, path, "image", &s.Image)
	visitAs(v, path, "imagePullPolicy", &s.ImagePullPolicy)
	visitList(v, path, "command", &s.Command)
	visitList(v, path, "args", &s.Args)
	visitChild(v, path, "script", &s.Script)
	visitChild(v, path, "workingDir", &s.WorkingDir)
	visitEnvSources(path, v, s.EnvFrom, s.Env)
	visitEnvValues(path, v, s.Env)
	visitMounts(path, v, s.VolumeMounts)
	visitDevices(path, v, s.VolumeDevices)
	visitUsages(path, v, s.Workspaces)
}

func visitUsages(path *field.Path, v TextVisitor, workspaces []v1.WorkspaceUsage) {
	for i := range workspaces {
		visit(v, path.Child("workspaces").Index(i).Child("mountPath"), &workspaces[i].MountPath)
	}
}

func visitEnvValues(path *field.Path, v TextVisitor, env []corev1.EnvVar) {
	for i := range env {
		if env[i].Value != "" {
			v.VisitText(path.Child("env").Index(i).Child("value"), TextExpanded, &env[i].Value)
		}
	}
}

func visitEnvSources(path *field.Path, v TextVisitor, from []corev1.EnvFromSource, env []corev1.EnvVar) {
	for i := range from {
		path := path.Child("envFrom").Index(i)
		visitChild(v, path, "prefix", &from[i].Prefix)
		if ref := from[i].ConfigMapRef; ref != nil {
			visit(v, path.Child("configMapRef", "name"), &ref.Name)
		}
		if ref := from[i].SecretRef; ref != nil {
			visit(v, path.Child("secretRef", "name"), &ref.Name)
		}
	}
	for i := range env {
		source := env[i].ValueFrom
		if source == nil {
			continue
		}
		path := path.Child("env").Index(i).Child("valueFrom")
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

func visitDevices(path *field.Path, v TextVisitor, devices []corev1.VolumeDevice) {
	for i := range devices {
		path := path.Child("volumeDevices").Index(i)
		visitChild(v, path, "name", &devices[i].Name)
		visitChild(v, path, "devicePath", &devices[i].DevicePath)
	}
}

func visitMounts(path *field.Path, v TextVisitor, mounts []corev1.VolumeMount) {
	for i := range mounts {
		path := path.Child("volumeMounts").Index(i)
		visitChild(v, path, "name", &mounts[i].Name)
		visitChild(v, path, "mountPath", &mounts[i].MountPath)
		visitChild(v, path, "subPath", &mounts[i].SubPath)
		if mounts[i].SubPathExpr != "" {
			v.VisitText(path.Child("subPathExpr"), TextExpanded, &mounts[i].SubPathExpr)
		}
	}
}

func visit(v TextVisitor, path *field.Path, text *string) {
	if *text != "" {
		v.VisitText(path, TextPlain, text)
	}
}

// visitChild is visit for a field of what path leads to. It makes the path only for a text that is there: most are not.
func visitChild(v TextVisitor, path *field.Path, name string, text *string) {
	if *text != "" {
		v.VisitText(path.Child(name), TextPlain, text)
	}
}

// visitAs visits a field with a named string type, and writes it only if it has changed.
func visitAs[T ~string](v TextVisitor, path *field.Path, name string, typed *T) {
	if *typed == "" {
		return
	}
	text := string(*typed)
	visitChild(v, path, name, &text)
	if text != string(*typed) {
		*typed = T(text)
	}
}

func visitList(v TextVisitor, path *field.Path, name string, list *[]string) {
	if len(*list) > 0 {
		v.VisitList(path.Child(name), list)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
