package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/metrics/endpoint"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/results/collect"
)

// options are the command's flags.
type options struct {
	namespace     string
	inpodImage    string
	inpodSpiffe   string
	workloadAPI   string
	inpodDelivery string
	metrics       endpoint.Flags
	healthAddress string
	pprofAddress  string
	webhookPort   int
	webhookDir    string
	leaderElect   bool
	qps           float64
	burst         int
	workers       int
	maxFollowers  int
	deadline      time.Duration
	mirrors       []image.Mirror
	insecure      []string
	private       []netip.Prefix
	logLevel      slog.Level
	// coexist: the controller runs beside Tekton. managedBy is what its runs name, and tektonNamespace has Tekton's settings.
	coexist         bool
	managedBy       string
	tektonNamespace string
}

// bindCoexist declares the flags of a controller beside Tekton.
func (o *options) bindCoexist(flags *flag.FlagSet) {
	flags.BoolVar(&o.coexist, "coexist", false,
		"run beside Tekton: manage only the runs whose spec.managedBy is --managed-by, serve only the webhook of config/coexist, and "+
			"read Tekton's settings too")
	flags.StringVar(&o.managedBy, "managed-by", v1.ManagedBySluice, "with --coexist: value of spec.managedBy of the runs to manage")
	flags.StringVar(&o.tektonNamespace, "tekton-namespace", "tekton-pipelines", "with --coexist: namespace of Tekton and of its settings")
}

// runs returns the rule for the runs that the controller manages.
func (o *options) runs() ownership.Rule {
	if !o.coexist {
		return ownership.Rule{}
	}
	return ownership.Only(o.managedBy)
}

// validateCoexist returns an error for the first flag of a controller beside Tekton whose value is invalid.
func (o *options) validateCoexist() error {
	switch errs := validation.IsDomainPrefixedPath(field.NewPath("managed-by"), o.managedBy); {
	case !o.coexist && o.managedBy != v1.ManagedBySluice:
		return fmt.Errorf("cannot use --managed-by %q without --coexist: the only controller of a cluster manages the runs of %q",
			o.managedBy, v1.ManagedByThis)
	case !o.coexist:
		return nil
	case len(errs) > 0:
		return fmt.Errorf("cannot use --managed-by %q: %w", o.managedBy, errs.ToAggregate())
	case o.managedBy == v1.ManagedByThis:
		return fmt.Errorf("cannot use --managed-by %q: Tekton's controller manages these runs; use another name, such as %q",
			o.managedBy, v1.ManagedBySluice)
	case o.namespace == o.tektonNamespace:
		return fmt.Errorf("cannot run beside Tekton in its namespace %q: give another one to --namespace, such as sluice-system", o.namespace)
	}
	return nil
}

// bind declares the flags on flags and returns the options that receive their values.
func bind(flags *flag.FlagSet) *options {
	o := &options{}
	flags.StringVar(&o.namespace, "namespace", "tekton-pipelines", "namespace of the installation, where its ConfigMaps are")
	flags.StringVar(&o.inpodImage, "inpod-image", "", "image of the in-pod binary (required)")
	flags.StringVar(&o.inpodSpiffe, "inpod-spiffe-image", "",
		"image of the in-pod binary that can sign results; used only in pods that sign")
	flags.StringVar(&o.workloadAPI, "workload-api", "",
		"address of the SPIFFE Workload API that provides the trust bundle for signed results (unix:///PATH); empty: no trust bundle")
	flags.StringVar(&o.inpodDelivery, "inpod-delivery", "auto",
		"how steps get the in-pod binary: image-volume, init-container, or auto (chosen by the version of the API server)")
	o.metrics.Bind(flags)
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "address to serve /healthz and /readyz on")
	flags.StringVar(&o.pprofAddress, "pprof-bind-address", "0", "address to serve /debug/pprof on; 0: do not serve it")
	flags.IntVar(&o.webhookPort, "webhook-port", 9443, "port to serve the webhooks of config/webhook on; 0: do not serve them")
	flags.StringVar(&o.webhookDir, "webhook-cert-dir", "/var/run/sluice/webhook",
		"folder into which the controller writes the certificate of the webhooks")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "run only while this replica holds the lease of the installation")
	flags.Float64Var(&o.qps, "kube-api-qps", 500, "maximum requests per second to the API server; below 0: no limit")
	flags.IntVar(&o.burst, "kube-api-burst", 1000, "requests to the API server that may exceed --kube-api-qps in a burst")
	flags.IntVar(&o.workers, "workers", 8*runtime.GOMAXPROCS(0), "objects of each kind to reconcile at the same time")
	flags.IntVar(&o.maxFollowers, "max-followers", collect.DefaultMaxFollowers,
		"logs to follow at the same time; the logs of further pods are read when the pods end")
	flags.DurationVar(&o.deadline, "results-deadline", time.Minute, "how long to retry reading a log after its pod has ended")
	flags.Func("registry-mirror",
		"REGISTRY=URL: mirror to read image configurations from before the registry; * for all registries; may be repeated",
		func(text string) error {
			m, err := image.ParseMirror(text)
			o.mirrors = append(o.mirrors, m)
			return err
		})
	flags.Func("insecure-registry",
		"HOST or HOST:PORT of a registry to read image configurations from over HTTP, at any address; may be repeated",
		func(host string) error {
			if err := image.CheckRegistry(host); err != nil {
				return err
			}
			o.insecure = append(o.insecure, host)
			return nil
		})
	flags.Func("image-lookup-private-networks",
		"private networks in which registries may be, such as 10.20.0.0/16,fd12::/48; empty: public addresses only",
		func(text string) error {
			networks, err := guard.ParsePrivate(text)
			o.private = append(o.private, networks...)
			return err
		})
	o.bindCoexist(flags)
	flags.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	return o
}

// validate returns an error for the first flag whose value is invalid.
func (o *options) validate() error {
	switch {
	case o.inpodImage == "":
		return errors.New("cannot start without --inpod-image: give the image that holds the in-pod binary")
	case o.workers < 1:
		return errors.New("cannot use --workers below 1")
	case o.deadline <= 0:
		return errors.New("cannot use --results-deadline of 0 or less")
	}
	return o.validateCoexist()
}
