package settings

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Watcher keeps the settings up to date with the ConfigMaps, and logs problems in them.
type Watcher struct {
	specs []Spec
	// own is the namespace of the resolvers, and installation that of the controller.
	own, installation string
	reader            client.Reader
	log               logr.Logger

	current  atomic.Pointer[Settings]
	mu       sync.Mutex
	source   Source
	reported []string
}

// NewWatcher returns a Watcher with the default settings. It reads ConfigMaps through reader.
func NewWatcher(specs []Spec, own, installation string, reader client.Reader, log logr.Logger) *Watcher {
	w := &Watcher{
		specs: specs, own: own, installation: installation, reader: reader, log: log,
		source: Source{Own: map[string]map[string]string{}},
	}
	w.apply()
	return w
}

// Load returns the settings in force.
func (w *Watcher) Load() *Settings { return w.current.Load() }

// names returns the ConfigMaps that have an effect.
func (w *Watcher) names() []types.NamespacedName {
	all := []types.NamespacedName{{Namespace: w.installation, Name: ClusterName}}
	for _, name := range []string{FlagsName, CacheName, ClusterName} {
		all = append(all, types.NamespacedName{Namespace: w.own, Name: name})
	}
	for _, spec := range w.specs {
		all = append(all, types.NamespacedName{Namespace: w.own, Name: spec.ConfigMap})
	}
	slices.SortFunc(all, func(a, b types.NamespacedName) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	return slices.Compact(all)
}

// Start reads all ConfigMaps once through live, before the first request.
func (w *Watcher) Start(ctx context.Context, live client.Reader) error {
	for _, name := range w.names() {
		if err := w.read(ctx, live, name); err != nil {
			return err
		}
	}
	w.apply()
	return nil
}

// SetupWithManager makes mgr call the watcher when one of the ConfigMaps changes.
func (w *Watcher) SetupWithManager(mgr ctrl.Manager) error {
	names := w.names()
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool { return slices.Contains(names, client.ObjectKeyFromObject(o)) })
	return ctrl.NewControllerManagedBy(mgr).Named("settings").
		For(&corev1.ConfigMap{}).WithEventFilter(ours).
		WithOptions(controller.Options{NeedLeaderElection: new(false)}). // a standby replica must have the settings, too
		Complete(w)
}

// Reconcile reads the ConfigMap that changed.
func (w *Watcher) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if err := w.read(ctx, w.reader, request.NamespacedName); err != nil {
		return ctrl.Result{}, err
	}
	w.apply()
	return ctrl.Result{}, nil
}

// read reads a ConfigMap. If it does not exist, the defaults apply.
func (w *Watcher) read(ctx context.Context, reader client.Reader, name types.NamespacedName) error {
	cm := &corev1.ConfigMap{}
	if err := reader.Get(ctx, name, cm); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot read ConfigMap %q in namespace %q: %w", name.Name, name.Namespace, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if name.Namespace == w.installation && name.Name == ClusterName {
		w.source.Installation = cm.Data
	}
	if name.Namespace == w.own {
		w.source.Own[name.Name] = cm.Data
	}
	return nil
}

// apply puts the settings into force. It logs each problem once, until it is another one.
func (w *Watcher) apply() {
	w.mu.Lock()
	defer w.mu.Unlock()
	next, problems := Parse(w.specs, w.source)
	w.current.Store(next)
	for _, problem := range problems {
		if !slices.Contains(w.reported, problem) {
			w.log.Info("wrong setting", "problem", problem)
		}
	}
	w.reported = problems
}
