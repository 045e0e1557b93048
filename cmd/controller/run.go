package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/sluice-ci/sluice/internal/clientinfo"
	"github.com/sluice-ci/sluice/internal/cloudevents"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	counts "github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/partial/checked"
	"github.com/sluice-ci/sluice/internal/pipelinerun"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/resolve/image/queue"
	"github.com/sluice-ci/sluice/internal/resolve/request"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/scheme"
	"github.com/sluice-ci/sluice/internal/spiffe"
	"github.com/sluice-ci/sluice/internal/taskrun"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/transport/sidecarlogs"
	"github.com/sluice-ci/sluice/internal/transport/terminationmessage"
	"github.com/sluice-ci/sluice/internal/trust"
	"github.com/sluice-ci/sluice/internal/trust/policies"
	"github.com/sluice-ci/sluice/internal/version"
	"github.com/sluice-ci/sluice/internal/when"
)

// self is the name of this controller in events, leases and the logs of the API server.
const self = "sluice-controller"

// run starts the controller and returns when ctx ends.
func run(ctx context.Context, o *options) error {
	if err := o.validate(); err != nil {
		return err
	}
	restConfig, err := restConfigOf(o)
	if err != nil {
		return err
	}
	delivery, err := detectDelivery(restConfig, o.inpodDelivery)
	if err != nil {
		return err
	}
	sent := &mark.Current{}
	mgr, err := newManager(restConfig, o, sent)
	if err != nil {
		return err
	}
	store := config.NewStore(config.Default())
	monitor := newMonitoring(store)
	wake := make(chan event.GenericEvent, wakeups)
	transports, err := addTransports(mgr, restConfig, o, wake, monitor)
	if err != nil {
		return err
	}
	events := addEvents(mgr, o, monitor, store, sent)
	if err := watchConfig(ctx, mgr, o, transports, store); err != nil {
		return err
	}
	if err := cloudevents.LoadMark(ctx, mgr.GetAPIReader(), o.namespace, sent); err != nil {
		return err
	}
	bundles, err := addBundleSource(mgr, o.workloadAPI)
	if err != nil {
		return err
	}
	if err := addReconcilers(mgr, o, monitor, wake, events, taskrun.Dependencies{
		Config: store, Transports: transports, Wake: wake, Bundles: bundles, Outbox: events.TaskRuns(),
		Inpod: taskrun.Inpod{Image: o.inpodImage, SigningImage: o.inpodSpiffe, Delivery: delivery},
	}); err != nil {
		return err
	}
	if err := addWebhooks(mgr, o, store, monitor); err != nil {
		return err
	}
	if err := addMissed(ctx, mgr, o, monitor); err != nil {
		return err
	}
	if err := addClientInfo(mgr, o); err != nil {
		return err
	}
	if err := addRetention(ctx, mgr, o, store, monitor, sent); err != nil {
		return err
	}
	if err := errors.Join(monitor.addToManager(ctx, mgr, store, o.runs()), monitor.export(ctx, o, store)); err != nil {
		return err
	}
	ctrl.Log.Info("starting", "version", version.Current().String(), "namespace", o.namespace, "inpodImage",
		o.inpodImage, "inpodDelivery", delivery, "beside", o.coexist, "managedBy", o.runs().Name())
	return mgr.Start(ctx)
}

// restConfigOf returns how the controller reaches the API server.
func restConfigOf(o *options) (*rest.Config, error) {
	restConfig, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot find a cluster: %w", err)
	}
	restConfig.QPS, restConfig.Burst = float32(o.qps), o.burst
	restConfig.UserAgent = self
	return restConfig, nil
}

func detectDelivery(restConfig *rest.Config, setting string) (pod.Delivery, error) {
	d, err := discovery.NewDiscoveryClientForConfig(restConfig)
	if err != nil {
		return "", fmt.Errorf("cannot create discovery client: %w", err)
	}
	server, err := d.ServerVersion()
	if err != nil {
		return "", fmt.Errorf("cannot read the version of the API server: %w", err)
	}
	return pod.DeliveryFor(setting, server.Major, server.Minor)
}

// gracePeriod is how long running reconciles may take to end after shutdown begins. After it the controller releases the
// lease without waiting for them. The grace period of the pod (config/controller) must be longer.
const gracePeriod = 10 * time.Second

// managerOptions returns the options of the manager. Its client writes nothing that its cache has shortened.
func managerOptions(o *options, sent *mark.Current) (ctrl.Options, error) {
	kinds, err := scheme.New()
	if err != nil {
		return ctrl.Options{}, err
	}
	caches, err := cacheOptions(o, sent)
	if err != nil {
		return ctrl.Options{}, err
	}
	return ctrl.Options{
		Scheme:                        kinds,
		Cache:                         caches,
		NewClient:                     checked.NewClient,
		Metrics:                       o.metrics.Server(),
		HealthProbeBindAddress:        o.healthAddress,
		PprofBindAddress:              o.pprofAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              self,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(gracePeriod),
	}, nil
}

func newManager(restConfig *rest.Config, o *options, sent *mark.Current) (ctrl.Manager, error) {
	opts, err := managerOptions(o, sent)
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(restConfig, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot create manager: %w", err)
	}
	for path, add := range map[string]func(string, healthz.Checker) error{"healthz": mgr.AddHealthzCheck, "readyz": mgr.AddReadyzCheck} {
		if err := add(path, healthz.Ping); err != nil {
			return nil, fmt.Errorf("cannot serve %s: %w", path, err)
		}
	}
	return mgr, nil
}

// watchConfig reads the ConfigMaps once, so that they apply to the first run, and then watches them.
func watchConfig(ctx context.Context, mgr ctrl.Manager, o *options, transports config.Transports, store *config.Store) error {
	watcher := config.NewWatcher(mgr.GetClient(), mgr.GetEventRecorder(self), o.namespace, transports, store)
	if o.coexist {
		watcher = watcher.Beside(o.tektonNamespace)
	}
	if err := watcher.Load(ctx, mgr.GetAPIReader()); err != nil {
		return err
	}
	return watcher.SetupWithManager(mgr)
}

// wakeups is how many runs the channel to the work queue holds. A sender waits while it is full.
const wakeups = 1024

// addTransports creates the ways in which results leave a pod: one line for each value of results-from.
func addTransports(mgr ctrl.Manager, restConfig *rest.Config, o *options, wake chan<- event.GenericEvent,
	m *monitoring) (transport.Transports, error) {
	logs, err := typedcorev1.NewForConfig(restConfig)
	if err != nil {
		return nil, fmt.Errorf("cannot create client for logs: %w", err)
	}
	collector := collect.New(collect.NewKubernetes(logs), func(run types.NamespacedName) { wake <- taskrun.Wakeup(run) },
		collect.Options{MaxFollowers: o.maxFollowers, Deadline: o.deadline, Meter: m.counts.Collection})
	m.more = append(m.more, counts.NewLoad(collector.Load))
	if err := mgr.Add(collector); err != nil {
		return nil, fmt.Errorf("cannot add collector to manager: %w", err)
	}
	return transport.Transports{
		config.TerminationMessage: terminationmessage.Transport{},
		config.SidecarLogs:        sidecarlogs.New(collector, sidecarlogs.NewReviewer(mgr.GetClient(), clock.RealClock{})).Beside(o.coexist),
	}, nil
}

// addBundleSource adds a trust bundle that follows the Workload API at socket. It returns nil without a socket.
func addBundleSource(mgr ctrl.Manager, socket string) (taskrun.BundleSource, error) {
	if socket == "" {
		return nil, nil //nolint:nilnil // no bundle and no error: results are not signed
	}
	bundles := spiffe.NewBundleSource(socket, ctrl.Log.WithName("workload-api"))
	if err := mgr.Add(bundles); err != nil {
		return nil, fmt.Errorf("cannot add trust bundle to manager: %w", err)
	}
	return bundles, nil
}

// addClientInfo adds the publisher of the version that clients read. Beside Tekton, clients read that of Tekton.
func addClientInfo(mgr ctrl.Manager, o *options) error {
	if o.coexist {
		return nil
	}
	return clientinfo.New(mgr.GetClient(), o.namespace, version.Current().Number).SetupWithManager(mgr)
}

// addLookups adds the workers that read the commands of images from registries.
func addLookups(mgr ctrl.Manager, o *options, wake chan<- event.GenericEvent) (taskrun.ImageLookup, error) {
	finder := image.New(mgr.GetAPIReader(), image.Options{Mirrors: o.mirrors, Insecure: o.insecure, Private: o.private})
	lookups := queue.New(finder, func(run types.NamespacedName) {
		wake <- taskrun.Wakeup(run)
	}, queue.Options{Log: ctrl.Log.WithName("image-lookup")})
	if err := mgr.Add(lookups); err != nil {
		return nil, fmt.Errorf("cannot add image lookups to manager: %w", err)
	}
	return lookups, nil
}

// addReconcilers completes the dependencies of both reconcilers and adds the reconcilers to the manager.
func addReconcilers(mgr ctrl.Manager, o *options, m *monitoring, wake chan<- event.GenericEvent, events *cloudevents.Delivery,
	d taskrun.Dependencies) error {
	d.Metrics, d.Passes, d.Runs = m.counts.TaskRuns, m.passes, o.runs()
	d.Client, d.Live, d.Recorder, d.Clock = mgr.GetClient(), mgr.GetAPIReader(), mgr.GetEventRecorder(self), clock.RealClock{}
	fields, err := addFields(mgr, o)
	if err != nil {
		return err
	}
	d.Known = fields.taskRun
	if d.Images, err = addLookups(mgr, o, wake); err != nil {
		return err
	}
	if d.Evaluator, err = when.NewEvaluator(); err != nil {
		return err
	}
	// Each run reads LimitRanges before its pod is created. Fill the cache now, so that the first run does not wait for it.
	if _, err := mgr.GetCache().GetInformer(context.Background(), &corev1.LimitRange{}); err != nil {
		return fmt.Errorf("cannot watch LimitRanges: %w", err)
	}
	memory := pipelinerun.NewMemory()
	m.more = append(m.more, counts.NewMemory(memory))
	d.Requests = request.New(request.Options{
		Client: d.Client, Live: d.Live, Clock: d.Clock, Config: d.Config, Memory: memory, Cluster: o.coexist,
	})
	if err := d.Requests.AddToManager(mgr); err != nil {
		return err
	}
	d.Traces = newTraces(mgr, o, d.Config, m)
	d.Trust = policies.New(d.Live, d.Clock, func() trust.NoMatch { return d.Config.Load().Flags.NoMatchPolicy })
	pipelineRuns := pipelinerun.NewReconciler(pipelinerun.Dependencies{
		Runs: d.Runs, Known: fields.pipelineRun, Outbox: events.PipelineRuns(),
		Client: d.Client, Live: d.Live, Recorder: d.Recorder, Clock: d.Clock, Config: d.Config, Evaluator: d.Evaluator,
		Metrics: m.counts.PipelineRuns, Passes: m.passes, Memory: memory, Requests: d.Requests, Trust: d.Trust, Release: version.Current().Number,
		Traces: d.Traces,
	})
	return errors.Join(taskrun.NewReconciler(d).SetupWithManager(mgr, o.workers), pipelineRuns.SetupWithManager(mgr, o.workers))
}
