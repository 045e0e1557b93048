package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/health"
	"github.com/sluice-ci/sluice/internal/partial"
	"github.com/sluice-ci/sluice/internal/partial/checked"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/resolvers/meter"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
	"github.com/sluice-ci/sluice/internal/resolvers/serve"
	"github.com/sluice-ci/sluice/internal/resolvers/settings"
	"github.com/sluice-ci/sluice/internal/scheme"
	"github.com/sluice-ci/sluice/internal/version"
)

// self is the name of this program in leases and the logs of the API server.
const self = "sluice-resolvers"

// gracePeriod is how long the work on requests may take to end after shutdown begins. The grace period of the pod
// (config/resolvers) must be longer.
const gracePeriod = 5 * time.Second

// run starts the resolvers and returns when ctx ends.
func run(ctx context.Context, o *options) error {
	if err := o.validate(); err != nil {
		return err
	}
	restConfig, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("cannot find a cluster: %w", err)
	}
	restConfig.QPS, restConfig.Burst = float32(o.qps), o.burst
	restConfig.UserAgent = self
	mgr, err := newManager(restConfig, o)
	if err != nil {
		return err
	}
	watcher := settings.NewWatcher(specs(), o.namespace, o.installation, mgr.GetClient(), ctrl.Log.WithName("settings"))
	if err := watcher.Start(ctx, mgr.GetAPIReader()); err != nil {
		return err
	}
	if err := watcher.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("cannot watch settings: %w", err)
	}
	if err := addResolvers(ctx, mgr, o, watcher); err != nil {
		return err
	}
	ctrl.Log.Info("starting", "version", version.Current().String(), "namespace", o.namespace, "resolvers", types())
	return mgr.Start(ctx)
}

// managerOptions returns the options of the manager. Its client writes nothing that its cache has shortened.
func managerOptions(o *options) (ctrl.Options, error) {
	kinds, err := scheme.New()
	if err != nil {
		return ctrl.Options{}, err
	}
	caches, err := cacheOptions(o)
	if err != nil {
		return ctrl.Options{}, err
	}
	return ctrl.Options{
		Scheme:                        kinds,
		Cache:                         caches,
		NewClient:                     checked.NewClient,
		Metrics:                       o.metrics.Server(),
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              self,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(gracePeriod),
	}, nil
}

func newManager(restConfig *rest.Config, o *options) (ctrl.Manager, error) {
	opts, err := managerOptions(o)
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(restConfig, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot create manager: %w", err)
	}
	return mgr, nil
}

// cacheOptions keeps the cache small: it has only the requests of these resolvers, without their definitions, and the settings.
func cacheOptions(o *options) (cache.Options, error) {
	ours, err := labels.NewRequirement(resolutionv1beta1.LabelType, selection.In, types())
	if err != nil {
		return cache.Options{}, fmt.Errorf("cannot select requests: %w", err)
	}
	named := fields.OneTermEqualSelector("metadata.name", config.ClusterResolverName)
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&resolutionv1beta1.ResolutionRequest{}: {Label: labels.NewSelector().Add(*ours), Transform: trim},
			&corev1.ConfigMap{}: {Namespaces: map[string]cache.Config{
				o.installation: {FieldSelector: named},
				o.namespace:    {}, // if both are the same namespace, the last entry wins
			}},
		},
	}, nil
}

// trim drops the definition of a request that is answered. Requests live as long as their runs. A request can have a definition and no
// condition, which Tekton leaves to another controller: it is answered again, so it stays as it is.
func trim(o any) (any, error) {
	if request, ok := o.(*resolutionv1beta1.ResolutionRequest); ok {
		request.ManagedFields = nil
		if request.Done() && request.Status.Data != "" {
			partial.Answer.Put(request)
			request.Status.Data = ""
		}
	}
	return o, nil
}

// addResolvers adds the reconciler, its metrics and its probes to the manager.
func addResolvers(ctx context.Context, mgr ctrl.Manager, o *options, watcher *settings.Watcher) error {
	counts := meter.New(version.Current())
	network := outbound.New(outbound.Options{Private: o.private, Insecure: o.insecure})
	byType := map[string]resolvers.Resolver{}
	for _, one := range all() {
		byType[one.spec.Type] = one.build(network, mgr.GetAPIReader(), watcher)
	}
	kept := dispatch.NewCache(func() dispatch.Limits { return watcher.Load().Cache() }, time.Now)
	pool := dispatch.NewPool(kept, dispatch.Options{Slots: o.slots, Meter: counts, Log: ctrl.Log.WithName("fetch")})
	passes := health.New(clock.RealClock{})
	reconciler := serve.New(serve.Dependencies{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Resolvers: byType, Settings: watcher.Load, Pool: pool, Timeout: o.timeout,
		Meter: counts, Passes: passes, Clock: clock.RealClock{}, Log: ctrl.Log.WithName("resolvers"),
	})
	if err := reconciler.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("cannot watch ResolutionRequests: %w", err)
	}
	if err := counts.Register(metrics.Registry, meter.Loads{
		Fetches: func() int { fetches, _ := pool.Load(); return fetches }, Requests: reconciler.Load, Kept: kept.Load,
	}); err != nil {
		return err
	}
	gate := health.NewGate(ctx.Done())
	if err := mgr.Add(gate); err != nil {
		return fmt.Errorf("cannot add readiness to manager: %w", err)
	}
	if err := errors.Join(mgr.AddReadyzCheck("caches", gate.Check), mgr.AddHealthzCheck("passes", passes.Check)); err != nil {
		return fmt.Errorf("cannot serve probes: %w", err)
	}
	return nil
}

// types returns the types of all resolvers, sorted.
func types() []string {
	var names []string
	for _, one := range all() {
		names = append(names, one.spec.Type)
	}
	slices.Sort(names)
	return names
}
