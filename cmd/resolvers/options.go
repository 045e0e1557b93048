package main

import (
	"errors"
	"flag"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/metrics/endpoint"
	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// options are the command's flags.
type options struct {
	namespace     string
	installation  string
	metrics       endpoint.Flags
	healthAddress string
	leaderElect   bool
	qps           float64
	burst         int
	slots         int64
	timeout       time.Duration
	insecure      []string
	private       []netip.Prefix
	logLevel      slog.Level
}

// bind declares the flags on flags and returns the options that receive their values.
func bind(flags *flag.FlagSet) *options {
	o := &options{}
	flags.StringVar(&o.namespace, "namespace", config.ResolversNamespace, "namespace of this program, where its ConfigMaps are")
	flags.StringVar(&o.installation, "controller-namespace", "tekton-pipelines",
		"namespace of the controller, whose cluster-resolver-config also applies")
	o.metrics.Bind(flags)
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "address to serve /healthz and /readyz on")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "run only while this replica holds the lease of the resolvers")
	flags.Float64Var(&o.qps, "kube-api-qps", 100, "maximum requests per second to the API server; below 0: no limit")
	flags.IntVar(&o.burst, "kube-api-burst", 200, "requests to the API server that may exceed --kube-api-qps in a burst")
	flags.Int64Var(&o.slots, "max-fetches", dispatch.DefaultSlots, "definitions to fetch at the same time")
	flags.DurationVar(&o.timeout, "resolution-timeout", time.Minute,
		"how long to try to answer a request; longer for a resolver whose fetch-timeout is longer")
	flags.Func("insecure-host", "HOST or HOST:PORT that may be read over HTTP, at any address; may be repeated", func(host string) error {
		if err := outbound.CheckInsecure(host); err != nil {
			return err
		}
		o.insecure = append(o.insecure, host)
		return nil
	})
	flags.Func("private-networks",
		"private networks in which hosts may be, such as 10.20.0.0/16,fd12::/48; empty: public addresses only",
		func(text string) error {
			networks, err := guard.ParsePrivate(text)
			o.private = append(o.private, networks...)
			return err
		})
	flags.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	return o
}

// validate returns an error for the first flag whose value is invalid.
func (o *options) validate() error {
	switch {
	case o.namespace == "" || o.installation == "":
		return errors.New("cannot start with an empty --namespace or --controller-namespace")
	case o.slots < 1:
		return errors.New("cannot use --max-fetches below 1")
	case o.timeout < time.Second:
		return errors.New("cannot use --resolution-timeout below 1s")
	}
	return nil
}
