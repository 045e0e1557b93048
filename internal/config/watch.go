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

// Watcher keeps a Store at what the ConfigMaps of the installation say, and reports what is wrong with them.
type Watcher struct {
	reader    client.Reader
	recorder  events.EventRecorder
	namespace string
	methods   Methods
	store     *Store
	// reported is what was reported about each ConfigMap and still holds. One worker uses it.
	reported map[types.NamespacedName][]report
}

// Methods are the ways in which results can come back.
type Methods interface {
	// Names are the values that results-from may have.
	Names() []ResultsFrom
	// Warn returns what keeps results from coming back in this way, as the cluster stands; empty when nothing does.
	Warn(ctx context.Context, name ResultsFrom) (string, error)
}

// NewWatcher returns a Watcher that reads ConfigMaps of the namespace, and of ResolversNamespace, through reader and keeps store
// up to date.
func NewWatcher(reader client.Reader, recorder events.EventRecorder, namespace string, methods Methods, store *Store) *Watcher {
	return &Watcher{
		reader: reader, recorder: recorder, namespace: namespace, methods: methods, store: store,
		reported: map[types.NamespacedName][]report{},
	}
}

// SetupWithManager makes mgr call the watcher whenever a ConfigMap changes that it knows something about.
func (w *Watcher) SetupWithManager(mgr ctrl.Manager) error {
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool {
		switch o.GetNamespace() {
		case w.namespace:
			return slices.Contains(Reads(), o.GetName())
		case ResolversNamespace:
			return slices.Contains(ReadsOfResolvers(), o.GetName())
		default:
			return false
		}
	})
	return ctrl.NewControllerManagedBy(mgr).Named("config").
		For(&corev1.ConfigMap{}).WithEventFilter(ours).
		WithOptions(controller.Options{NeedLeaderElection: new(false)}). // who may lead next must know the flags, too
		Complete(w)
}

// Load reads the ConfigMaps once through live, before anything is reconciled. Those of ResolversNamespace that have no effect
// are read only here: the controller has no right to watch them.
func (w *Watcher) Load(ctx context.Context, live client.Reader) error {
	for _, name := range []string{FlagsName, DefaultsName, ClusterResolverName} {
		if err := w.read(ctx, live, types.NamespacedName{Namespace: w.namespace, Name: name}); err != nil {
			return err
		}
	}
	for _, name := range ReadsOfResolvers() {
		if err := w.read(ctx, live, types.NamespacedName{Namespace: ResolversNamespace, Name: name}); err != nil {
			return err
		}
	}
	return nil
}

// Reconcile reads the ConfigMap that changed.
func (w *Watcher) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	return ctrl.Result{}, w.read(ctx, w.reader, request.NamespacedName)
}

// read reads a ConfigMap, puts it in force and reports on it. One that is not there gives the defaults.
func (w *Watcher) read(ctx context.Context, reader client.Reader, name types.NamespacedName) error {
	cm := &corev1.ConfigMap{}
	err := reader.Get(ctx, name, cm)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot read ConfigMap %q in namespace %q: %w", name.Name, name.Namespace, err)
	}
	if err != nil && name.Namespace == w.namespace && (name.Name == FlagsName || name.Name == DefaultsName) {
		log.FromContext(ctx).Info("ConfigMap not found, using the defaults", "configMap", name.String())
	}
	reports, changed, err := w.apply(ctx, name, cm.Data)
	if err != nil {
		return err
	}
	w.report(ctx, name, cm, append(reports, noticesOf(name.Name, cm.Data, name.Namespace == w.namespace)...))
	if changed {
		w.logInForce(ctx, name)
	}
	return nil
}

// apply puts what a ConfigMap says in force. It returns what is wrong with it, and whether it is one on which anything depends.
func (w *Watcher) apply(ctx context.Context, name types.NamespacedName, data map[string]string) (reports []report, settings bool, err error) {
	var problems []SettingError
	switch own := name.Namespace == w.namespace; {
	case own && name.Name == FlagsName:
		var flags Flags
		flags, problems = ParseFlags(data, w.methods.Names())
		w.store.SetFlags(flags)
		if reports, err = w.warn(ctx, flags.ResultsFrom); err != nil {
			return nil, true, err
		}
	case own && name.Name == DefaultsName:
		var defaults Defaults
		defaults, problems = ParseDefaults(data)
		w.store.SetDefaults(defaults)
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
		reports = append(reports, report{reason: "InvalidSetting", text: p.Error(), logged: true, event: true})
	}
	return reports, true, nil
}

// warn tells an administrator at once, and not only the first user whose run fails, what keeps results from coming back.
func (w *Watcher) warn(ctx context.Context, from ResultsFrom) ([]report, error) {
	warning, err := w.methods.Warn(ctx, from)
	if err != nil || warning == "" {
		return nil, err
	}
	return []report{{reason: "PermissionMissing", text: warning, logged: true, event: true}}, nil
}
