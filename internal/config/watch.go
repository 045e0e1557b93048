package config

import (
	"context"
	"fmt"

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

// Watcher keeps a Store at what the ConfigMaps of the installation say.
type Watcher struct {
	reader    client.Reader
	recorder  events.EventRecorder
	namespace string
	store     *Store
}

// NewWatcher returns a Watcher that reads ConfigMaps of the namespace through reader and keeps store up to date.
func NewWatcher(reader client.Reader, recorder events.EventRecorder, namespace string, store *Store) *Watcher {
	return &Watcher{reader: reader, recorder: recorder, namespace: namespace, store: store}
}

// SetupWithManager makes mgr call the watcher whenever one of the two ConfigMaps changes.
func (w *Watcher) SetupWithManager(mgr ctrl.Manager) error {
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool {
		return o.GetNamespace() == w.namespace && (o.GetName() == FlagsName || o.GetName() == DefaultsName)
	})
	return ctrl.NewControllerManagedBy(mgr).Named("config").
		For(&corev1.ConfigMap{}).WithEventFilter(ours).
		WithOptions(controller.Options{NeedLeaderElection: new(false)}). // who may lead next must know the flags, too
		Complete(w)
}

// Load reads both ConfigMaps once, before anything is reconciled.
func (w *Watcher) Load(ctx context.Context) error {
	for _, name := range []string{FlagsName, DefaultsName} {
		request := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: w.namespace, Name: name}}
		if _, err := w.Reconcile(ctx, request); err != nil {
			return err
		}
	}
	return nil
}

// Reconcile reads the ConfigMap that changed. One that is not there gives the defaults.
func (w *Watcher) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	cm := &corev1.ConfigMap{}
	if err := w.reader.Get(ctx, request.NamespacedName, cm); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, fmt.Errorf("cannot read ConfigMap %q: %w", request.Name, err)
		}
		log.FromContext(ctx).Info("ConfigMap not found, using the defaults", "configMap", request.String())
	}
	var problems []SettingError
	switch request.Name {
	case FlagsName:
		var flags Flags
		flags, problems = ParseFlags(cm.Data)
		w.store.SetFlags(flags)
	case DefaultsName:
		var defaults Defaults
		defaults, problems = ParseDefaults(cm.Data)
		w.store.SetDefaults(defaults)
	}
	w.report(ctx, cm, problems)
	return ctrl.Result{}, nil
}

// report makes each problem visible, in the log and on the ConfigMap itself.
func (w *Watcher) report(ctx context.Context, cm *corev1.ConfigMap, problems []SettingError) {
	logger := log.FromContext(ctx)
	for _, p := range problems {
		logger.Error(p, "setting not usable", "configMap", p.ConfigMap, "flag", p.Key, "value", p.Value)
		w.recorder.Eventf(cm, nil, corev1.EventTypeWarning, "InvalidSetting", "Configure", "%s", p.Error())
	}
	if ignored := Ignored(cm.Data); len(ignored) > 0 {
		logger.Info("settings not known to this version are ignored", "configMap", cm.Name, "keys", ignored)
	}
	c := w.store.Load()
	logger.Info("configuration in force", "resultsFrom", c.Flags.ResultsFrom, "maxResultSize", c.Flags.MaxResultSize,
		"defaultTimeout", c.Defaults.Timeout.String())
}
