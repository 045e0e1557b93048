// Package config reads the ConfigMaps feature-flags, config-defaults, config-events, config-observability,
// config-tracing and cluster-resolver-config, strictly, into values.
//
// An invalid setting does not stop the controller. The package reports an invalid value as a SettingError with the value that
// is used instead, and a key without effect as a Notice. The caller logs each one and creates an event, so that no setting is
// ignored silently.
package config

import (
	"github.com/sluice-ci/sluice/internal/validation"
)

// Names of the ConfigMaps, in the namespace of the installation.
const (
	FlagsName    = "feature-flags"
	DefaultsName = "config-defaults"
)

// Config has all settings from ConfigMaps. The zero value is not valid; start from Default.
type Config struct {
	Flags    Flags
	Defaults Defaults
	Cluster  ClusterResolvers
	Metrics  Observability
	Tracing  Tracing
	Events   Events
}

// Default returns the configuration without any ConfigMap.
func Default() Config {
	return Config{Flags: defaultFlags(), Defaults: defaultDefaults(), Metrics: defaultObservability(), Tracing: defaultTracing()}
}

// Limits returns the settings that restrict the contents of objects. They apply when an object is admitted, and again when a
// run starts.
func (c *Config) Limits() validation.Limits {
	limits := validation.Limits{
		MatrixCombinations: c.Defaults.MaxMatrixCombinations,
		ForbiddenEnv:       c.Defaults.ForbiddenEnv,
		NoInlineSpec:       c.Flags.NoInlineSpec,
	}
	if template := c.Defaults.PodTemplate; template != nil {
		limits.OwnEnv = template.Env
	}
	return limits
}
