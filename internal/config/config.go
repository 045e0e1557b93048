// Package config reads the ConfigMaps feature-flags and config-defaults, strictly, into values.
//
// Nothing here stops a controller: a value that cannot be used is reported as a SettingError, which says what is used
// instead. The caller logs each one and shows it as an event, so that no fallback is silent.
package config

import (
	"slices"
	"strings"
)

// Names of the ConfigMaps, in the namespace of the installation.
const (
	FlagsName    = "feature-flags"
	DefaultsName = "config-defaults"
)

// Config is everything that an administrator can set in ConfigMaps. The zero value is not valid; start from Default.
type Config struct {
	Flags    Flags
	Defaults Defaults
}

// Default returns what is in force where the ConfigMaps say nothing.
func Default() Config {
	return Config{Flags: defaultFlags(), Defaults: defaultDefaults()}
}

// Ignored returns the keys of data that ParseFlags and ParseDefaults do not know, sorted, without the examples.
func Ignored(data map[string]string) []string {
	known := append(flagKeys(), defaultsKeys()...)
	var ignored []string
	for key := range data {
		if !strings.HasPrefix(key, "_") && !slices.Contains(known, key) {
			ignored = append(ignored, key)
		}
	}
	slices.Sort(ignored)
	return ignored
}
