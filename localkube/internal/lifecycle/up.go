// Package lifecycle brings clusters up and down and reports their status.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/node"
	"github.com/sluice-ci/sluice/localkube/internal/pki"
	"github.com/sluice-ci/sluice/localkube/internal/state"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

// Options are the settings of a cluster that a user can choose.
type Options struct {
	// Dir is the cluster's directory.
	Dir state.Dir
	// APIPort is the API server's port on the loopback address.
	APIPort int
	// APIOnly selects a cluster of etcd and the API server alone, which needs no privileges.
	APIOnly bool
	// AuditLog lets the API server log each request that changes an object.
	AuditLog bool
	// Nodes is the number of nodes. 0 counts as 1.
	Nodes int
	// NodeLabels are labels of nodes, each as NODE:KEY=VALUE.
	NodeLabels []string
	// Tuning of the nodes; must be zero with APIOnly.
	Tuning state.Tuning
	// Out receives the progress messages.
	Out io.Writer
}

// Up brings the cluster up, unless it is up already. If a part of the cluster has died, Up restarts the whole cluster with
// its stored data, as a machine restarts after a power failure. If it fails or ctx ends, no process that it started keeps
// running.
func Up(ctx context.Context, o Options) error {
	began := time.Now()
	// This must come before the lock, because the lock creates the folders above the directory.
	if err := o.Dir.NotWithin(); err != nil {
		return err
	}
	unlock, err := o.Dir.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	old, exists, err := o.Dir.LoadCluster()
	if err != nil {
		return err
	}
	if exists {
		if err := o.matches(old); err != nil {
			return err
		}
		problem := trouble(ctx, o.Dir, old)
		if problem == nil {
			fmt.Fprintf(o.Out, "already up: %s\n", o.Dir)
			return nil
		}
		fmt.Fprintf(o.Out, "starting again, because %v\n", problem)
	}
	if !o.APIOnly {
		if err := checkNode(); err != nil {
			return err
		}
	}
	if exists {
		err = stop(o.Dir, old)
	} else {
		err = o.Dir.Claim()
	}
	if err != nil {
		return err
	}
	if err := o.start(ctx, old, exists); err != nil {
		return o.undo(err, exists)
	}
	fmt.Fprintf(o.Out, "up after %s\n\n", seconds(time.Since(began)))
	fmt.Fprintf(o.Out, "next:  export KUBECONFIG=%s\n", o.Dir.Kubeconfig())
	return nil
}

// matches returns an error if an existing cluster has other settings than those requested.
func (o Options) matches(old state.Cluster) error {
	switch {
	case old.APIPort != o.APIPort:
		return fmt.Errorf("cannot bring up the cluster in %q with --api-port %d: it has port %d; use another --dir, or `down` first",
			o.Dir, o.APIPort, old.APIPort)
	case old.APIOnly != o.APIOnly:
		return fmt.Errorf("cannot bring up the cluster in %q with --api-only=%t: it was made with --api-only=%t; "+
			"use another --dir, or `down` first", o.Dir, o.APIOnly, old.APIOnly)
	case old.AuditLog != o.AuditLog:
		return fmt.Errorf("cannot bring up the cluster in %q with --audit-log=%t: it was made with --audit-log=%t; "+
			"use another --dir, or `down` first", o.Dir, o.AuditLog, old.AuditLog)
	case max(1, old.Nodes) != max(1, o.Nodes):
		return fmt.Errorf("cannot bring up the cluster in %q with --nodes %d: it was made with --nodes %d; "+
			"use another --dir, or `down` first", o.Dir, max(1, o.Nodes), max(1, old.Nodes))
	case !slices.Equal(old.NodeLabels, sorted(o.NodeLabels)):
		return fmt.Errorf("cannot bring up the cluster in %q with the node labels %q: it was made with %q; "+
			"use another --dir, or `down` first", o.Dir, sorted(o.NodeLabels), old.NodeLabels)
	case old.Tuning.EtcdQuota != o.Tuning.EtcdQuota:
		return fmt.Errorf("cannot bring up the cluster in %q with --etcd-quota=%d: it was made with %d; use another --dir, or `down` first",
			o.Dir, o.Tuning.EtcdQuota, old.Tuning.EtcdQuota)
	case old.Tuning != o.Tuning:
		return fmt.Errorf("cannot bring up the cluster in %q with --container-log-max-size=%q and "+
			"--node-grace-period=%s: it was made with %q and %s; "+
			"use another --dir, or `down` first",
			o.Dir, o.Tuning.ContainerLogMaxSize, o.Tuning.NodeGracePeriod, old.Tuning.ContainerLogMaxSize, old.Tuning.NodeGracePeriod)
	}
	return nil
}

// sorted returns the labels in the order in which the state has them.
func sorted(labels []string) []string { return slices.Sorted(slices.Values(labels)) }

// undo ends what start started. The data of an existing cluster is kept; everything that a new cluster wrote is removed.
func (o Options) undo(cause error, existed bool) error {
	c, begun, err := o.Dir.LoadCluster()
	if begun && err == nil {
		fmt.Fprintln(o.Out, "cleaning up")
		err = stop(o.Dir, c)
	}
	if err == nil && !existed {
		err = remove(o.Dir, o.Out)
	}
	return errors.Join(cause, err)
}

// start prepares the directory, launches the supervisor and waits until it reports that the cluster is ready.
func (o Options) start(ctx context.Context, c state.Cluster, exists bool) error {
	if err := o.Dir.Make(); err != nil {
		return err
	}
	sockets, err := o.choose(&c, exists)
	if err != nil {
		return err
	}
	defer sockets.Close()
	if err := o.Dir.SaveCluster(c); err != nil {
		return err
	}
	if !exists {
		if err := o.step("certificates", func() error { return writeCertificates(o.Dir, c) }); err != nil {
			return err
		}
	}
	if err := specs(o.Dir, c).WriteAuditPolicy(); err != nil {
		return err
	}
	// The records of an earlier start's processes are no longer useful.
	if err := o.Dir.SaveComponents(nil); err != nil {
		return err
	}
	if !c.APIOnly {
		if err := node.Enter(specs(o.Dir, c)); err != nil {
			return err
		}
	}
	launched, err := supervisor.Launch(o.Dir, sockets)
	if err != nil {
		return err
	}
	c.Supervisor = launched.Process
	if err := o.Dir.SaveCluster(c); err != nil {
		return errors.Join(err, launched.Kill())
	}
	if err := o.connect(c, launched); err != nil {
		return errors.Join(err, launched.Kill())
	}
	launched.GoAhead()
	err = launched.Wait(ctx, func(e supervisor.Event) { o.report(e.Step, e.Took) })
	if err != nil && ctx.Err() == nil {
		err = o.explain(err)
	}
	if err != nil {
		return errors.Join(err, launched.Kill())
	}
	return nil
}

func (o Options) step(name string, do func() error) error {
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	o.report(name, time.Since(began))
	return nil
}

func (o Options) report(name string, took time.Duration) {
	fmt.Fprintf(o.Out, "  %-26s %7s\n", name, seconds(took))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func writeCertificates(dir state.Dir, c state.Cluster) error {
	p := pki.Cluster{NodeName: component.NodeName, ServiceIP: component.ServiceIP, Workers: specs(dir, c).Certificates()}
	if !c.APIOnly {
		p.NodeIP = c.Uplink.Node.String()
	}
	if err := pki.WriteCluster(dir.PKI(), p); err != nil {
		return err
	}
	return pki.WriteKubeconfig(dir.Kubeconfig(), dir.PKI(), pki.Admin, "localkube", specs(dir, c).APIURL())
}

// specs returns the cluster in the form that the builders of component specs need.
func specs(dir state.Dir, c state.Cluster) component.Cluster {
	return component.Cluster{Cluster: c, Dir: dir}
}

// BinDir returns the folder of this program and containerd.
func BinDir() (string, error) {
	executable, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find this program: %w", err)
	}
	return filepath.Dir(executable), nil
}
