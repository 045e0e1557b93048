package config

import (
	"cmp"
	"maps"
	"slices"
)

// SettingsName is the ConfigMap with the settings of Sluice alone, in the namespace of a controller beside Tekton. It has the
// keys of FlagsName, of DefaultsName and of ObservabilityName.
const SettingsName = "sluice-settings"

// Layers are the settings of a controller beside Tekton. A key of Own overrides the same key of Tekton's ConfigMaps.
type Layers struct {
	// Flags, Defaults and Metrics are the data of Tekton's ConfigMaps FlagsName, DefaultsName and ObservabilityName.
	Flags, Defaults, Metrics map[string]string
	// Own is the data of SettingsName.
	Own map[string]string
}

// Parse returns the settings in force. values are the valid values of results-from. A SettingError names the ConfigMap that the
// invalid value comes from. The result has no settings of the cluster resolver, which are not in layers.
func (l Layers) Parse(values []ResultsFrom) (Config, []SettingError) {
	flags, wrongFlags := ParseFlags(l.over(l.Flags, flagKeys()), values)
	defaults, wrongDefaults := ParseDefaults(l.over(l.Defaults, defaultsKeys()))
	metrics, wrongMetrics := ParseObservability(l.over(l.Metrics, observabilityKeys()))
	problems := slices.Concat(wrongFlags, wrongDefaults, wrongMetrics)
	for i := range problems {
		if _, own := l.Own[problems[i].Key]; own {
			problems[i].ConfigMap = SettingsName
		}
	}
	return Config{Flags: flags, Defaults: defaults, Metrics: metrics}, problems
}

// over returns the data of one of Tekton's ConfigMaps with the keys that Own overrides.
func (l Layers) over(tekton map[string]string, keys []string) map[string]string {
	merged := maps.Clone(tekton)
	if merged == nil {
		merged = map[string]string{}
	}
	for _, key := range keys {
		if value, ok := l.Own[key]; ok {
			merged[key] = value
		}
	}
	return merged
}

// Effective is the value of a key that is in force, and its source.
type Effective struct {
	Key, Value string
	// ConfigMap is the source of the value: FlagsName, DefaultsName, ObservabilityName or SettingsName.
	ConfigMap string
	// Overridden is the value of Tekton's ConfigMap that Own overrides, and Differs reports that there is one and it is another.
	Overridden string
	Differs    bool
}

// Effective returns the keys with an effect that a ConfigMap sets, sorted. All other keys have their defaults.
func (l Layers) Effective() []Effective {
	var all []Effective
	for configMap, part := range map[string]struct {
		data map[string]string
		keys []string
	}{
		FlagsName:         {l.Flags, flagKeys()},
		DefaultsName:      {l.Defaults, defaultsKeys()},
		ObservabilityName: {l.Metrics, observabilityKeys()},
	} {
		for _, key := range part.keys {
			below, inTekton := part.data[key]
			own, isOwn := l.Own[key]
			switch {
			case isOwn:
				all = append(all, Effective{Key: key, Value: own, ConfigMap: SettingsName, Overridden: below, Differs: inTekton && below != own})
			case inTekton:
				all = append(all, Effective{Key: key, Value: below, ConfigMap: configMap})
			}
		}
	}
	slices.SortFunc(all, func(a, b Effective) int { return cmp.Compare(a.Key, b.Key) })
	return all
}
