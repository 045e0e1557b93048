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
	methods   Methods
	store     *Store
}

// Methods are the ways in which results can come back.
type Methods interface {
	// Names are the values that results-from may have.
	Names() []ResultsFrom
	// Warn returns what keeps results from coming back in this way, as the cluster stands; empty when nothing does.
	Warn(ctx context.Context, name ResultsFrom) (string, error)
}

// NewWatcher returns a Watcher that reads ConfigMaps of the namespace through reader and keeps store up to date.
func NewWatcher(reader client.Reader, recorder events.EventRecorder, namespace string, methods Methods, store *Store) *Watcher {
	return &Watcher{reader: reader, recorder: recorder, namespace: namespace, methods: methods, store: store}
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
		flags, problems = ParseFlags(cm.Data, w.methods.Names())
		w.store.SetFlags(flags)
		if err := w.warn(ctx, cm, flags.ResultsFrom); err != nil {
			return ctrl.Result{}, err
		}
	case DefaultsName:
		var defaults Defaults
		defaults, problems = ParseDefaults(cm.Data)
		w.store.SetDefaults(defaults)
	}
	w.report(ctx, cm, problems)
	return ctrl.Result{}, nil
}

// warn tells an administrator at once, and not only the first user whose run fails, what keeps results from coming back.
func (w *Watcher) warn(ctx context.Context, cm *corev1.ConfigMap, from ResultsFrom) error {
	warning, err := w.methods.Warn(ctx, from)
	if err != nil || warning == "" {
		return err
	}
	log.FromContext(ctx).Error(nil, warning, "flag", keyResultsFrom, "value", from)
	if cm.Name != "" { // events are about objects that exist
		w.recorder.Eventf(cm, nil, corev1.EventTypeWarning, "PermissionMissing", "Configure", "%s", warning)
	}
	return nil
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
	switch cm.Name {
	case DefaultsName:
		logger.Info("defaults in force", "timeout", c.Defaults.Timeout.String(), "serviceAccount", c.Defaults.ServiceAccount,
			"managedBy", c.Defaults.ManagedBy, "podTemplate", c.Defaults.PodTemplate != nil, "workspaceBinding", c.Defaults.WorkspaceBinding != nil,
			"containerResources", len(c.Defaults.ContainerResources), "imagePullTimeout", c.Defaults.ImagePullTimeout.String())
	default:
		logger.Info("flags in force", "resultsFrom", c.Flags.ResultsFrom, "resultsFromPerRun", c.Flags.ResultsFromPerRun, "followEveryTask", c.Flags.FollowEveryTask,
			"maxResultSize", c.Flags.MaxResultSize, "keepPodOnCancel", c.Flags.KeepPodOnCancel, "awaitSidecars", c.Flags.AwaitSidecars,
			"securityContext", c.Flags.SecurityContext, "disableCredentials", c.Flags.DisableCredentials, "coschedule", c.Flags.Coschedule)
	}
}
