// Package config reads the ConfigMaps feature-flags and config-defaults, strictly, into values.
//
// Nothing here stops a controller: a value that cannot be used is reported as a SettingError, which says what is used
// instead. The caller logs each one and shows it as an event, so that no fallback is silent.
package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/results"
)

// Names of the ConfigMaps, in the namespace of the installation.
const (
	FlagsName    = "feature-flags"
	DefaultsName = "config-defaults"
)

// Keys that are understood. Every other key is ignored; keys that begin with "_" are examples.
const (
	keyResultsFrom    = "results-from"
	keyPerRun         = "enable-results-from-annotation"
	keyMaxResultSize  = "max-result-size"
	keyTimeoutMinutes = "default-timeout-minutes"
	keyServiceAccount = "default-service-account"
)

// ResultsFrom says how results come back from a pod.
type ResultsFrom string

// The ways in which results come back.
const (
	// TerminationMessage carries results in the termination messages of the steps: at most 4 KiB a step.
	TerminationMessage ResultsFrom = "termination-message"
	// SidecarLogs carries results through the log of a sidecar: up to what the TaskRun object can hold.
	SidecarLogs ResultsFrom = "sidecar-logs"
)

// Config is everything that an administrator can set in ConfigMaps. The zero value is not valid; start from Default.
type Config struct {
	Flags    Flags
	Defaults Defaults
}

// Flags are the feature flags.
type Flags struct {
	// ResultsFrom says how results come back.
	ResultsFrom ResultsFrom
	// ResultsFromPerRun says that a run or its task may say otherwise, by the annotation sluice.dev/results-from.
	ResultsFromPerRun bool
	// MaxResultSize is the limit of one result's value, in bytes, from 1 to results.ObjectLimit-1.
	MaxResultSize int64
}

// Defaults are what runs get that do not say otherwise.
type Defaults struct {
	// Timeout of a TaskRun; 0 means none.
	Timeout time.Duration
	// ServiceAccount that pods run as; empty means the namespace's default one.
	ServiceAccount string
}

// Default returns what is in force where the ConfigMaps say nothing.
func Default() Config {
	return Config{
		Flags:    Flags{ResultsFrom: TerminationMessage, ResultsFromPerRun: true, MaxResultSize: results.DefaultMaxSize},
		Defaults: Defaults{Timeout: 60 * time.Minute},
	}
}

// SettingError is a setting that cannot be used as it is.
type SettingError struct {
	// ConfigMap, Key and Value are the setting, as it was given.
	ConfigMap, Key, Value string
	// Want says what would be accepted.
	Want string
	// Used is what is in force instead.
	Used string
}

// Error reads like `feature-flags: max-result-size: "ten" is not …; using the default 4096`.
func (e SettingError) Error() string {
	return fmt.Sprintf("%s: %s: %q is not %s; using the default %s", e.ConfigMap, e.Key, e.Value, e.Want, e.Used)
}

// ParseFlags reads the data of the ConfigMap feature-flags, where results-from may have one of the given values. An
// empty map gives the defaults.
func ParseFlags(data map[string]string, values []ResultsFrom) (Flags, []SettingError) {
	flags := Default().Flags
	var problems []SettingError
	if v, ok := data[keyResultsFrom]; ok {
		if from := ResultsFrom(v); slices.Contains(values, from) {
			flags.ResultsFrom = from
		} else {
			problems = append(problems, SettingError{FlagsName, keyResultsFrom, v,
				"one of " + quoteAll(values), string(flags.ResultsFrom)})
		}
	}
	if v, ok := data[keyPerRun]; ok {
		switch v {
		case "true", "false":
			flags.ResultsFromPerRun = v == "true"
		default:
			problems = append(problems, SettingError{FlagsName, keyPerRun, v, `"true" or "false"`,
				strconv.FormatBool(flags.ResultsFromPerRun)})
		}
	}
	if v, ok := data[keyMaxResultSize]; ok {
		size, err := strconv.ParseInt(v, 10, 64)
		if err != nil || size < 1 || size >= results.ObjectLimit {
			problems = append(problems, SettingError{FlagsName, keyMaxResultSize, v,
				fmt.Sprintf("a number of bytes from 1 to %d (below 1.5 MiB, what one API object can hold)", results.ObjectLimit-1),
				strconv.FormatInt(flags.MaxResultSize, 10)})
		} else {
			flags.MaxResultSize = size
		}
	}
	return flags, problems
}

// ParseDefaults reads the data of the ConfigMap config-defaults. An empty map gives the defaults.
func ParseDefaults(data map[string]string) (Defaults, []SettingError) {
	defaults := Default().Defaults
	var problems []SettingError
	if v, ok := data[keyTimeoutMinutes]; ok {
		minutes, err := strconv.ParseInt(v, 10, 32)
		if err != nil || minutes < 0 {
			problems = append(problems, SettingError{DefaultsName, keyTimeoutMinutes, v,
				"a number of minutes from 0 (no timeout) up", "60"})
		} else {
			defaults.Timeout = time.Duration(minutes) * time.Minute
		}
	}
	defaults.ServiceAccount = data[keyServiceAccount]
	return defaults, problems
}

// Ignored returns the keys of data that ParseFlags and ParseDefaults do not know, sorted, without the examples.
func Ignored(data map[string]string) []string {
	known := []string{keyResultsFrom, keyPerRun, keyMaxResultSize, keyTimeoutMinutes, keyServiceAccount}
	var ignored []string
	for key := range data {
		if !strings.HasPrefix(key, "_") && !slices.Contains(known, key) {
			ignored = append(ignored, key)
		}
	}
	slices.Sort(ignored)
	return ignored
}

func quoteAll(values []ResultsFrom) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(string(v))
	}
	slices.Sort(quoted)
	return strings.Join(quoted, ", ")
}
