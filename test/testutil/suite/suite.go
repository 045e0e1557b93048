// Package suite is what the tests on a whole cluster share: the frame of a suite, a namespace in which a test starts runs
// and waits for them, and what is printed of a run when its test fails.
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

// Patience is how long a test waits for one run. A run takes seconds; a machine may be busy.
const Patience = 90 * time.Second

// Main runs the tests between a check that the cluster can run them and setting its feature flags back. It returns the
// exit status. Up to parallel runs are under way at once, unless the command line says otherwise. What after finds wrong,
// once all tests have run, is a failure, too.
func Main(m *testing.M, parallel int, after ...func(context.Context, *kube.Cluster) error) int {
	log.SetLogger(logr.Discard())                                           // the client's warnings are looked at with kubectl
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

// prepare connects to a cluster that is ready, and reads its feature flags.
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

// restore sets the feature flags back and deletes the namespaces of the tests.
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
