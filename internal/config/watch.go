package config

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Watcher keeps a Store up to date with the ConfigMaps, and reports problems in them.
type Watcher struct {
	reader    client.Reader
	recorder  events.EventRecorder
	namespace string
	// tekton is the namespace of Tekton's ConfigMaps; empty unless the controller is beside Tekton. Then layers are its settings.
	tekton     string
	layers     Layers
	transports Transports
	store      *Store
	// reported has the current reports about each ConfigMap. Only one worker uses it.
	reported map[types.NamespacedName][]report
}

// Transports are the ways in which results leave a pod.
type Transports interface {
	// Names returns the valid values of results-from.
	Names() []ResultsFrom
	// Warn returns why this way does not work in the cluster now; empty if it works.
	Warn(ctx context.Context, name ResultsFrom) (string, error)
}

// NewWatcher returns a Watcher that reads the ConfigMaps of namespace and of ResolversNamespace through reader and updates
// store.
func NewWatcher(reader client.Reader, recorder events.EventRecorder, namespace string, transports Transports, store *Store) *Watcher {
	return &Watcher{
		reader: reader, recorder: recorder, namespace: namespace, transports: transports, store: store,
		reported: map[types.NamespacedName][]report{},
	}
}

// SetupWithManager makes mgr call the watcher when one of its ConfigMaps changes.
func (w *Watcher) SetupWithManager(mgr ctrl.Manager) error {
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool {
		return w.reads(client.ObjectKeyFromObject(o))
	})
	return ctrl.NewControllerManagedBy(mgr).Named("config").
		For(&corev1.ConfigMap{}).WithEventFilter(ours).
		WithOptions(controller.Options{NeedLeaderElection: new(false)}). // a standby replica must have the settings, too
		Complete(w)
}

// Load reads the ConfigMaps once through live, before the first reconcile. ConfigMaps of ResolversNamespace without effect are
// read only here, because the controller may not watch them.
func (w *Watcher) Load(ctx context.Context, live client.Reader) error {
	names := w.files()
	for _, name := range ReadsOfResolvers() {
		if one := (types.NamespacedName{Namespace: ResolversNamespace, Name: name}); !slices.Contains(names, one) {
			names = append(names, one)
		}
	}
	for _, name := range names {
		if err := w.read(ctx, live, name); err != nil {
			return err
		}
	}
	return nil
}

// Reconcile reads the ConfigMap that changed, and those that it overrides.
func (w *Watcher) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if w.tekton != "" && request.Name == SettingsName {
		for _, name := range w.layerFiles() {
			if err := w.read(ctx, w.reader, name); err != nil {
				return ctrl.Result{}, err
			}
		}
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, w.read(ctx, w.reader, request.NamespacedName)
}

// read reads a ConfigMap, applies it and reports problems. If it does not exist, the defaults apply.
func (w *Watcher) read(ctx context.Context, reader client.Reader, name types.NamespacedName) error {
	cm := &corev1.ConfigMap{}
	err := reader.Get(ctx, name, cm)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot read ConfigMap %q in namespace %q: %w", name.Name, name.Namespace, err)
	}
	if err != nil && w.owns(name) && (name.Name == FlagsName || name.Name == DefaultsName) {
		log.FromContext(ctx).Info("ConfigMap not found, using the defaults", "configMap", name.String())
	}
	reports, changed, err := w.apply(ctx, name, cm.Data)
	if err != nil {
		return err
	}
	if w.tekton == "" || name.Namespace != ResolversNamespace { // beside Tekton, its own resolvers read these
		reports = append(reports, noticesOf(name.Name, cm.Data, w.owns(name))...)
	}
	w.report(ctx, name, cm, reports)
	if changed {
		w.logInForce(ctx, name)
	}
	return nil
}

// apply stores the settings of a ConfigMap. It returns the problems, and whether the ConfigMap has settings with an effect.
func (w *Watcher) apply(ctx context.Context, name types.NamespacedName,
	data map[string]string) (reports []report, settings bool, err error) {
	if w.tekton != "" && w.owns(name) && (name.Namespace != w.namespace || name.Name != TracingName) {
		return w.applyLayer(ctx, name, data)
	}
	var problems []SettingError
	switch own := name.Namespace == w.namespace; {
	case own && name.Name == FlagsName:
		var flags Flags
		flags, problems = ParseFlags(data, w.transports.Names())
		w.store.SetFlags(flags)
		if reports, err = w.warn(ctx, flags.ResultsFrom); err != nil {
			return nil, true, err
		}
	case own && name.Name == DefaultsName:
		var defaults Defaults
		defaults, problems = ParseDefaults(data)
		w.store.SetDefaults(defaults)
	case own && name.Name == ObservabilityName:
		var metrics Observability
		metrics, problems = ParseObservability(data)
		w.store.SetMetrics(metrics)
	case own && name.Name == TracingName:
		var tracing Tracing
		tracing, problems = ParseTracing(data)
		w.store.SetTracing(tracing)
	case own && name.Name == EventsName:
		return w.applyEvents(data), true, nil
	case name.Name == ClusterResolverName:
		var cluster ClusterResolver
		cluster, problems = ParseClusterResolver(data)
		if own {
			w.store.SetOwnCluster(cluster)
		} else {
			w.store.SetSharedCluster(cluster)
		}
	default:
		return nil, false, nil
	}
	for _, p := range problems {
		reports = append(reports, invalid(p))
	}
	return reports, true, nil
}

// applyEvents stores the settings of config-events, and returns the problems.
func (w *Watcher) applyEvents(data map[string]string) []report {
	events, problems := ParseEvents(data)
	w.store.SetEvents(events)
	var reports []report
	for _, p := range problems {
		reports = append(reports, invalid(p))
	}
	return reports
}

func invalid(p SettingError) report {
	return report{reason: "InvalidSetting", text: p.Error(), logged: true, event: true}
}

// warn reports immediately that results cannot leave pods, before the first run fails for it.
func (w *Watcher) warn(ctx context.Context, from ResultsFrom) ([]report, error) {
	warning, err := w.transports.Warn(ctx, from)
	if err != nil || warning == "" {
		return nil, err
	}
	return []report{{reason: "PermissionMissing", text: warning, logged: true, event: true}}, nil
}
