package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/retention"
	"github.com/sluice-ci/sluice/internal/validation"
)

// Keys of config-defaults that have an effect.
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
	keyDefaultSink    = "default-cloud-events-sink"
	keyResolution     = KeyResolutionTimeout
	keyRetention      = KeyRetention
	keyEtcdQuota      = KeyEtcdQuota
)

// KeyRetention is the key of config-defaults for Defaults.Retention, and KeyEtcdQuota that for Defaults.EtcdQuota.
const (
	KeyRetention = "default-retention"
	KeyEtcdQuota = "etcd-quota"
)

// DefaultEtcdQuota is the quota in bytes that etcd has by default: 2 GiB.
const DefaultEtcdQuota = 2 << 30

// KeyResolutionTimeout is the key of config-defaults for Defaults.ResolutionTimeout.
const KeyResolutionTimeout = "default-maximum-resolution-timeout"

// maxTimeoutMinutes is a hundred years. About three times as much would overflow time.Duration and become negative.
const maxTimeoutMinutes = 100 * 365 * 24 * 60

func defaultsKeys() []string {
	return []string{
		keyTimeoutMinutes, keyServiceAccount, keyManagedBy, keyPodTemplate, keyBinding, keyResources, keyMatrix, keyPullTimeout,
		keyForbiddenEnv, keyResolution, keyRetention, keyEtcdQuota, keyDefaultSink,
	}
}

// Defaults has the defaults for runs. Its pointers and maps are shared, so callers must not change their contents.
type Defaults struct {
	// Timeout of a TaskRun; 0 means none.
	Timeout time.Duration
	// ServiceAccount of pods; empty: the service account "default" of the namespace.
	ServiceAccount string
	// ManagedBy is the value of the label v1.LabelManagedBy on pods.
	ManagedBy string
	// PodTemplate is the base of the template of a run; nil: none.
	PodTemplate *v1.PodTemplate
	// WorkspaceBinding is the binding of workspaces that a task requires and its TaskRun does not bind; nil: none. It has no
	// name.
	WorkspaceBinding *v1.WorkspaceBinding
	// ContainerResources has the resources of containers that set none. A key is the name of a container, "prefix-" and the
	// beginning of a name, or "default".
	ContainerResources map[string]corev1.ResourceRequirements
	// MaxMatrixCombinations is the maximum number of TaskRuns of one matrix.
	MaxMatrixCombinations int64
	// ImagePullTimeout is how long to wait for a pod whose image cannot be pulled; 0: the run fails immediately.
	ImagePullTimeout time.Duration
	// ResolutionTimeout is how long a run waits for the answer of a resolver.
	ResolutionTimeout time.Duration
	// ForbiddenEnv are the environment variables that the pod template of a run must not set.
	ForbiddenEnv []string
	// Retention are the rules by which finished runs are deleted; nil: none is.
	Retention *retention.Settings
	// EtcdQuota is how many bytes etcd may hold (its flag --quota-backend-bytes). A warning reports when finished runs need most
	// of it; 0: no warning.
	EtcdQuota int64
	// EventsSink is the address that receives CloudEvents if config-events has none; empty: none are sent.
	EventsSink string
}

func defaultDefaults() Defaults {
	return Defaults{
		Timeout: 60 * time.Minute, ManagedBy: v1.ManagedBy, MaxMatrixCombinations: validation.DefaultLimits().MatrixCombinations,
		ResolutionTimeout: time.Minute, EtcdQuota: DefaultEtcdQuota,
	}
}

// ParseDefaults parses the data of the ConfigMap config-defaults. An empty map gives the defaults.
func ParseDefaults(data map[string]string) (Defaults, []SettingError) {
	defaults := defaultDefaults()
	s := &settings{configMap: DefaultsName, data: data}
	minutes := int64(defaults.Timeout / time.Minute)
	s.number(keyTimeoutMinutes, &minutes, 0, maxTimeoutMinutes, "a number of minutes from 0 (no timeout) to 52560000 (a hundred years)")
	defaults.Timeout = time.Duration(minutes) * time.Minute
	s.name(keyServiceAccount, &defaults.ServiceAccount)
	s.label(keyManagedBy, &defaults.ManagedBy)
	defaults.PodTemplate = document[v1.PodTemplate](s, keyPodTemplate, "a pod template in YAML")
	defaults.WorkspaceBinding = s.binding()
	if resources := document[map[string]corev1.ResourceRequirements](s, keyResources,
		"resource requirements in YAML, by names of containers"); resources != nil {
		defaults.ContainerResources = *resources
	}
	s.number(keyMatrix, &defaults.MaxMatrixCombinations, 1, math.MaxInt32, "a number of combinations of at least 1")
	s.duration(keyPullTimeout, &defaults.ImagePullTimeout)
	s.duration(keyResolution, &defaults.ResolutionTimeout)
	defaults.ForbiddenEnv = entries(data[keyForbiddenEnv])
	defaults.Retention = s.retention()
	s.quantity(keyEtcdQuota, &defaults.EtcdQuota)
	defaults.EventsSink = s.sink(keyDefaultSink, "empty value")
	return defaults, s.problems
}

// binding parses the default binding of workspaces.
func (s *settings) binding() *v1.WorkspaceBinding {
	const want = "a workspace binding in YAML, such as emptyDir: {}, without a name"
	binding := document[v1.WorkspaceBinding](s, keyBinding, want)
	if binding != nil && (binding.Name != "" || sources(binding) != 1) {
		s.refuse(keyBinding, want, "nothing")
		return nil
	}
	return binding
}

// retention parses the rules for finished runs. Invalid ones delete nothing.
func (s *settings) retention() *retention.Settings {
	const want = "rules for finished runs in YAML, such as historyLimit: 20"
	rules := document[retention.Settings](s, keyRetention, want)
	if rules == nil {
		return nil
	}
	if err := rules.Validate(); err != nil {
		s.refuse(keyRetention, fmt.Sprintf("%s (%v)", want, err), "nothing")
		return nil
	}
	return rules
}

// sources counts the volume sources of a binding.
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

// name parses the name of an object; empty: none.
func (s *settings) name(key string, into *string) {
	value := s.data[key]
	if problems := utilvalidation.IsDNS1123Subdomain(value); value != "" && len(problems) > 0 {
		s.refuse(key, "a name: "+strings.Join(problems, "; "), fmt.Sprintf("%q", *into))
		return
	}
	*into = value
}

// label parses the value of a label; empty: the default.
func (s *settings) label(key string, into *string) {
	value := s.data[key]
	if problems := utilvalidation.IsValidLabelValue(value); len(problems) > 0 {
		s.refuse(key, "the value of a label: "+strings.Join(problems, "; "), *into)
	} else if value != "" {
		*into = value
	}
}

// duration parses a duration of at least 0, such as 5m.
func (s *settings) duration(key string, into *time.Duration) {
	value, ok := s.data[key]
	if !ok {
		return
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		s.refuse(key, "a duration of at least 0, such as 5m", into.String())
		return
	}
	*into = d
}

// quantity parses a number of bytes of at least 0, such as 2Gi.
func (s *settings) quantity(key string, into *int64) {
	value, ok := s.data[key]
	if !ok {
		return
	}
	q, err := resource.ParseQuantity(value)
	if err != nil || q.Sign() < 0 || q.CmpInt64(math.MaxInt64) > 0 || q.CmpInt64(q.Value()) != 0 {
		s.refuse(key, "a number of bytes of at least 0, such as 2Gi", strconv.FormatInt(*into, 10))
		return
	}
	*into = q.Value()
}
