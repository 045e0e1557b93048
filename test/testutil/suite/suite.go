// Package suite holds what the tests on a whole cluster share: the main function of a suite, a namespace in which a test
// starts runs and waits for them, and the output about a run when its test fails.
package suite

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// Patience is how long a test waits for one run. A run takes seconds, but a machine may be busy.
const Patience = 90 * time.Second

// Main checks that the cluster can run the tests, runs them, and restores the feature flags. It returns the exit status. Up
// to parallel runs are active at the same time, unless the command line sets another number. An error of after, which is
// called after all tests, is a failure, too.
func Main(m *testing.M, parallel int, after ...func(context.Context, *kube.Cluster) error) int {
	log.SetLogger(logr.Discard())                                           // the tests check the client's warnings with kubectl
	if err := flag.Set("test.parallel", fmt.Sprint(parallel)); err != nil { // m.Run reads the command line after this
		return report(err)
	}
	c, before, err := prepare()
	if err != nil {
		report(err)
		fmt.Fprintln(os.Stderr, "hint: these tests need a cluster with Sluice on it; make help lists what starts one")
		return 1
	}
	code := m.Run()
	if err := verify(c, after); err != nil {
		code = report(err)
	}
	if err := restore(c, before); err != nil {
		return report(err)
	}
	return code
}

// prepare connects to a cluster, waits until it is ready, and reads its feature flags.
func prepare() (*kube.Cluster, map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c, err := kube.Connect()
	if err != nil {
		return nil, nil, err
	}
	if err := c.Ready(ctx); err != nil {
		return nil, nil, err
	}
	flags, err := c.ReadFlags(ctx)
	if err != nil {
		return nil, nil, err
	}
	return c, maps.Clone(flags.Data), nil
}

func verify(c *kube.Cluster, after []func(context.Context, *kube.Cluster) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for _, check := range after {
		if err := check(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// restore restores the feature flags and deletes the namespaces of the tests.
func restore(c *kube.Cluster, flags map[string]string) error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := c.RestoreFlags(ctx, flags); err != nil {
		return err
	}
	if os.Getenv("SLUICE_E2E_KEEP") != "" {
		return nil
	}
	return c.DeleteNamespaces(ctx)
}

func report(err error) int {
	fmt.Fprintln(os.Stderr, "error:", err)
	return 1
}
