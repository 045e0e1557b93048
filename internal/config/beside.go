package config

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Beside makes the watcher read the settings of a controller beside Tekton: SettingsName in the namespace of the controller,
// which overrides FlagsName, DefaultsName and ObservabilityName in the namespace tekton, and TracingName there. It returns the
// watcher.
//
// It emits events only about ConfigMaps of the controller's namespace: those of Tekton are not its business, and they are right
// for Tekton. The log has all reports.
func (w *Watcher) Beside(tekton string) *Watcher {
	w.tekton = tekton
	return w
}

// files returns the ConfigMaps whose settings have an effect.
func (w *Watcher) files() []types.NamespacedName {
	shared := types.NamespacedName{Namespace: ResolversNamespace, Name: ClusterResolverName}
	if w.tekton == "" {
		return []types.NamespacedName{
			{Namespace: w.namespace, Name: FlagsName}, {Namespace: w.namespace, Name: DefaultsName},
			{Namespace: w.namespace, Name: ObservabilityName}, {Namespace: w.namespace, Name: ClusterResolverName},
			{Namespace: w.namespace, Name: TracingName}, {Namespace: w.namespace, Name: EventsName}, shared,
		}
	}
	return append(w.layerFiles(), types.NamespacedName{Namespace: w.namespace, Name: TracingName},
		types.NamespacedName{Namespace: w.tekton, Name: EventsName}, shared)
}

// layerFiles returns the ConfigMaps of Layers. The one that overrides comes first, so that what it overrides is not reported.
func (w *Watcher) layerFiles() []types.NamespacedName {
	return []types.NamespacedName{
		{Namespace: w.namespace, Name: SettingsName}, {Namespace: w.tekton, Name: FlagsName}, {Namespace: w.tekton, Name: DefaultsName},
		{Namespace: w.tekton, Name: ObservabilityName},
	}
}

// owns reports whether a ConfigMap is of the namespace whose settings this controller reads in full.
func (w *Watcher) owns(name types.NamespacedName) bool {
	return name.Namespace == w.namespace || w.tekton != "" && name.Namespace == w.tekton
}

// reads reports whether the watcher reads a ConfigMap.
func (w *Watcher) reads(name types.NamespacedName) bool {
	switch {
	case w.tekton != "" && name.Namespace == w.namespace:
		return name.Name == SettingsName || name.Name == TracingName
	case w.owns(name):
		return slices.Contains(Reads(), name.Name)
	case name.Namespace == ResolversNamespace:
		return slices.Contains(ReadsOfResolvers(), name.Name)
	default:
		return false
	}
}

// applyLayer applies a ConfigMap of Layers. It returns the problems of this ConfigMap, and whether it is one of Layers.
func (w *Watcher) applyLayer(ctx context.Context, name types.NamespacedName,
	data map[string]string) (reports []report, settings bool, err error) {
	switch name {
	case types.NamespacedName{Namespace: w.namespace, Name: SettingsName}:
		w.layers.Own = data
	case types.NamespacedName{Namespace: w.tekton, Name: FlagsName}:
		w.layers.Flags = data
	case types.NamespacedName{Namespace: w.tekton, Name: DefaultsName}:
		w.layers.Defaults = data
	case types.NamespacedName{Namespace: w.tekton, Name: ObservabilityName}:
		w.layers.Metrics = data
	case types.NamespacedName{Namespace: w.tekton, Name: EventsName}:
		return w.applyEvents(data), true, nil
	default:
		return nil, false, nil
	}
	c, problems := w.layers.Parse(w.transports.Names())
	w.store.SetFlags(c.Flags)
	w.store.SetDefaults(c.Defaults)
	w.store.SetMetrics(c.Metrics)
	for _, p := range problems {
		if p.ConfigMap == name.Name {
			reports = append(reports, invalid(p))
		}
	}
	withoutResults := name.Name == DefaultsName || name.Name == ObservabilityName
	if _, own := w.layers.Own[keyResultsFrom]; withoutResults || own != (name.Name == SettingsName) {
		return reports, true, nil
	}
	warnings, err := w.warn(ctx, c.Flags.ResultsFrom)
	return append(reports, warnings...), true, err
}
