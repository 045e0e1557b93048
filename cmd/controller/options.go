package main

import (
	"errors"
	"flag"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
)

// options are the command's flags.
type options struct {
	namespace      string
	inpodImage     string
	inpodSpiffe    string
	workloadAPI    string
	inpodDelivery  string
	metricsAddress string
	metricsSecure  bool
	metricsCertDir string
	healthAddress  string
	pprofAddress   string
	webhookPort    int
	webhookDir     string
	leaderElect    bool
	qps            float64
	burst          int
	workers        int
	maxFollowers   int
	deadline       time.Duration
	mirrors        []image.Mirror
	insecure       []string
	private        []netip.Prefix
	logLevel       slog.Level
}

// bind declares the flags on flags and returns where their values go.
func bind(flags *flag.FlagSet) *options {
	o := &options{}
	flags.StringVar(&o.namespace, "namespace", "tekton-pipelines", "namespace of the installation, where its ConfigMaps are")
	flags.StringVar(&o.inpodImage, "inpod-image", "", "image of the in-pod binary (required)")
	flags.StringVar(&o.inpodSpiffe, "inpod-spiffe-image", "", "image of the in-pod binary that can sign results; only pods that sign have it")
	flags.StringVar(&o.workloadAPI, "workload-api", "", "address of the SPIFFE Workload API that says by whom signed results are believed (unix:///PATH); empty for none")
	flags.StringVar(&o.inpodDelivery, "inpod-delivery", "auto",
		"how the in-pod binary gets into steps: image-volume, init-container, or auto by the API server's version")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", "127.0.0.1:8080", "address that serves metrics; 0 for none")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", false,
		"serve metrics by TLS, and only to whom the API server lets get /metrics; without it, to everybody who reaches the address")
	flags.StringVar(&o.metricsCertDir, "metrics-cert-dir", "", "folder with tls.crt and tls.key to serve metrics with; empty for a certificate that nobody knows")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "address that serves /healthz and /readyz")
	flags.StringVar(&o.pprofAddress, "pprof-bind-address", "0", "address that serves profiles of the controller under /debug/pprof; 0 for none")
	flags.IntVar(&o.webhookPort, "webhook-port", 9443, "port that serves the webhooks of config/webhook; 0 for none")
	flags.StringVar(&o.webhookDir, "webhook-cert-dir", "/var/run/sluice/webhook", "folder that the webhooks' certificate is written to")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "run only while holding the lease of the installation")
	flags.Float64Var(&o.qps, "kube-api-qps", 500, "requests per second to the API server; below 0 for no limit")
	flags.IntVar(&o.burst, "kube-api-burst", 1000, "requests to the API server above that rate")
	flags.IntVar(&o.workers, "workers", 8*runtime.GOMAXPROCS(0), "objects of one kind that are reconciled at once")
	flags.IntVar(&o.maxFollowers, "max-followers", 500, "logs that are followed at once; those of further pods are read when they end")
	flags.DurationVar(&o.deadline, "results-deadline", time.Minute, "how long after the end of its pod a log is tried to be read")
	flags.Func("registry-mirror", "REGISTRY=URL to ask for what images run before the registry itself, * for all; once for each", func(text string) error {
		m, err := image.ParseMirror(text)
		o.mirrors = append(o.mirrors, m)
		return err
	})
	flags.Func("insecure-registry", "HOST or HOST:PORT of a registry that is asked by HTTP for what its images run, at any address; once for each", func(host string) error {
		if err := image.CheckRegistry(host); err != nil {
			return err
		}
		o.insecure = append(o.insecure, host)
		return nil
	})
	flags.Func("image-lookup-private-networks", "private networks whose registries may be asked for what images run, such as 10.20.0.0/16,fd12::/48; without it, public addresses only",
		func(text string) error {
			networks, err := guard.ParsePrivate(text)
			o.private = append(o.private, networks...)
			return err
		})
	flags.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	return o
}

// validate names the first flag that cannot be used.
func (o *options) validate() error {
	switch {
	case o.inpodImage == "":
		return errors.New("cannot start without --inpod-image: give the image that holds the in-pod binary")
	case o.workers < 1:
		return errors.New("cannot use --workers below 1")
	case o.deadline <= 0:
		return errors.New("cannot use --results-deadline of 0 or less")
	}
	return nil
}
