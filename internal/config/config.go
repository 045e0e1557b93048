// Package config reads the ConfigMaps feature-flags, config-defaults and cluster-resolver-config, strictly, into values.
//
// Nothing here stops a controller: a value that cannot be used is reported as a SettingError, which says what is used
// instead, and a key without effect as a Notice. The caller logs each one and shows it as an event, so that nothing is
// ignored in silence.
package config

import v1 "github.com/sluice-ci/sluice/api/v1"

// Names of the ConfigMaps, in the namespace of the installation.
const (
	FlagsName    = "feature-flags"
	DefaultsName = "config-defaults"
)

// Config is everything that an administrator can set in ConfigMaps. The zero value is not valid; start from Default.
type Config struct {
	Flags    Flags
	Defaults Defaults
	Cluster  ClusterResolvers
}

// Default returns what is in force where the ConfigMaps say nothing.
func Default() Config {
	return Config{Flags: defaultFlags(), Defaults: defaultDefaults()}
}

// Limits are those of the settings that restrict what objects may say. They hold when an object is admitted, and again when
// a run starts.
func (c *Config) Limits() v1.Limits {
	return v1.Limits{
		MatrixCombinations: c.Defaults.MaxMatrixCombinations,
		ForbiddenEnv:       c.Defaults.ForbiddenEnv,
		NoInlineSpec:       c.Flags.NoInlineSpec,
	}
}
