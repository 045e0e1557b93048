package config

import (
	"fmt"
	"math"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Keys of config-defaults that are understood.
const (
	keyTimeoutMinutes = "default-timeout-minutes"
	keyServiceAccount = "default-service-account"
	keyManagedBy      = "default-managed-by-label-value"
	keyPodTemplate    = "default-pod-template"
	keyBinding        = "default-task-run-workspace-binding"
	keyResources      = "default-container-resource-requirements"
	keyMatrix         = "default-max-matrix-combinations-count"
	keyPullTimeout    = "default-imagepullbackoff-timeout"
	keyForbiddenEnv   = "default-forbidden-env"
)

// maxTimeoutMinutes is a hundred years: more than twice as much would not fit a time.Duration, and be negative.
const maxTimeoutMinutes = 100 * 365 * 24 * 60

func defaultsKeys() []string {
	return []string{
		keyTimeoutMinutes, keyServiceAccount, keyManagedBy, keyPodTemplate, keyBinding, keyResources, keyMatrix, keyPullTimeout, keyForbiddenEnv,
	}
}

// Defaults are what runs get that do not say otherwise. Who has one must not change what its pointers and maps refer to.
type Defaults struct {
	// Timeout of a TaskRun; 0 means none.
	Timeout time.Duration
	// ServiceAccount that pods run as; empty means the namespace's default one.
	ServiceAccount string
	// ManagedBy is the value of the label v1.LabelManagedBy on pods.
	ManagedBy string
	// PodTemplate that the run's own template is merged over; nil for none.
	PodTemplate *v1.PodTemplate
	// WorkspaceBinding of workspaces that a task declares, does not call optional, and a TaskRun does not bind; nil for
	// none. It has no name.
	WorkspaceBinding *v1.WorkspaceBinding
	// ContainerResources are those of containers that have none: by the container's name, by "prefix-" and how the
	// name begins, or by "default".
	ContainerResources map[string]corev1.ResourceRequirements
	// MaxMatrixCombinations is how many TaskRuns one matrix may become.
	MaxMatrixCombinations int64
	// ImagePullTimeout is how long a pod whose image cannot be pulled is waited for; 0 means that the run fails at once.
	ImagePullTimeout time.Duration
	// ForbiddenEnv are the environment variables that the pod template of a run must not set.
	ForbiddenEnv []string
}

func defaultDefaults() Defaults {
	return Defaults{
		Timeout: 60 * time.Minute, ManagedBy: v1.ManagedBy, MaxMatrixCombinations: v1.DefaultLimits().MatrixCombinations,
	}
}

// ParseDefaults reads the data of the ConfigMap config-defaults. An empty map gives the defaults.
func ParseDefaults(data map[string]string) (Defaults, []SettingError) {
	defaults := defaultDefaults()
	s := &settings{configMap: DefaultsName, data: data}
	minutes := int64(defaults.Timeout / time.Minute)
	s.number(keyTimeoutMinutes, &minutes, 0, maxTimeoutMinutes, "a number of minutes from 0 (no timeout) to 52560000, a hundred years")
	defaults.Timeout = time.Duration(minutes) * time.Minute
	s.name(keyServiceAccount, &defaults.ServiceAccount)
	s.label(keyManagedBy, &defaults.ManagedBy)
	defaults.PodTemplate = document[v1.PodTemplate](s, keyPodTemplate, "a pod template in YAML")
	defaults.WorkspaceBinding = s.binding()
	if resources := document[map[string]corev1.ResourceRequirements](s, keyResources, "resource requirements in YAML, by names of containers"); resources != nil {
		defaults.ContainerResources = *resources
	}
	s.number(keyMatrix, &defaults.MaxMatrixCombinations, 1, math.MaxInt32, "a number of combinations from 1 up")
	s.duration(keyPullTimeout, &defaults.ImagePullTimeout)
	defaults.ForbiddenEnv = entries(data[keyForbiddenEnv])
	return defaults, s.problems
}

// binding reads the volume of workspaces that nobody binds.
func (s *settings) binding() *v1.WorkspaceBinding {
	const want = "a workspace binding in YAML, such as emptyDir: {}, without a name"
	binding := document[v1.WorkspaceBinding](s, keyBinding, want)
	if binding != nil && (binding.Name != "" || sources(binding) != 1) {
		s.refuse(keyBinding, want, "nothing")
		return nil
	}
	return binding
}

// sources counts the volumes that a binding names.
func sources(b *v1.WorkspaceBinding) int {
	n := 0
	for _, set := range []bool{
		b.EmptyDir != nil, b.PersistentVolumeClaim != nil, b.VolumeClaimTemplate != nil, b.ConfigMap != nil, b.Secret != nil,
		b.Projected != nil, b.CSI != nil,
	} {
		if set {
			n++
		}
	}
	return n
}

// name reads the name of an object; empty is none.
func (s *settings) name(key string, into *string) {
	value := s.data[key]
	if problems := validation.IsDNS1123Subdomain(value); value != "" && len(problems) > 0 {
		s.refuse(key, "a name: "+strings.Join(problems, "; "), fmt.Sprintf("%q", *into))
		return
	}
	*into = value
}

// label reads the value of a label; empty leaves the default.
func (s *settings) label(key string, into *string) {
	value := s.data[key]
	if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
		s.refuse(key, "a label's value: "+strings.Join(problems, "; "), *into)
	} else if value != "" {
		*into = value
	}
}

// duration reads a duration from 0 up, such as 5m.
func (s *settings) duration(key string, into *time.Duration) {
	value, ok := s.data[key]
	if !ok {
		return
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		s.refuse(key, "a duration from 0 up, such as 5m", into.String())
		return
	}
	*into = d
}
