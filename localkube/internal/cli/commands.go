package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/lifecycle"
	"github.com/sluice-ci/sluice/localkube/internal/state"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

const defaultAPIPort = 6443

// minNodeGrace allows a lease that is renewed once a second to be late twice.
const minNodeGrace = 4 * time.Second

func newUp() *cobra.Command {
	var o lifecycle.Options
	cmd := &cobra.Command{Use: "up", Short: "Bring the cluster up if it is not up", Args: cobra.NoArgs}
	dir := dirFlag(cmd)
	cmd.Flags().IntVar(&o.APIPort, "api-port", defaultAPIPort, "port of the API server on 127.0.0.1")
	cmd.Flags().BoolVar(&o.APIOnly, "api-only", false, "only etcd and the API server: no node, no controllers, no privileges needed")
	cmd.Flags().BoolVar(&o.AuditLog, "audit-log", false, "log each request that changes an object, without contents, in logs/audit.log")
	cmd.Flags().IntVar(&o.Nodes, "nodes", 1, fmt.Sprintf("number of nodes, from 1 to %d", component.MaxNodes))
	cmd.Flags().StringArrayVar(&o.NodeLabels, "node-label", nil, "label of a node, as NODE:KEY=VALUE (repeatable)")
	cmd.Flags().StringVar(&o.Tuning.ContainerLogMaxSize, "container-log-max-size", "",
		"size at which a container's log is rotated, such as 1Mi (default: the kubelet's, 10Mi)")
	cmd.Flags().DurationVar(&o.Tuning.NodeGracePeriod, "node-grace-period", 0,
		"time without a report after which the node is lost, in whole seconds, at least 4s (default: the controller manager's, 50s)")
	quota := cmd.Flags().String("etcd-quota", "", "quota of etcd, such as 256Mi (default: 8Gi)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if o.Tuning.EtcdQuota, err = etcdQuota(*quota); err != nil {
			return err
		}
		if err := checkUp(o); err != nil {
			return err
		}
		if o.Dir, err = dir.dir(); err != nil {
			return err
		}
		o.Out = cmd.OutOrStdout()
		return lifecycle.Up(cmd.Context(), o)
	}
	return cmd
}

// checkUp returns an error for the first flag of up whose value cannot be used.
func checkUp(o lifecycle.Options) error {
	if o.APIPort < 1 || o.APIPort > 65535 {
		return fmt.Errorf("cannot use --api-port %d: a port is a number from 1 to 65535", o.APIPort)
	}
	if o.APIOnly && o.Tuning != (state.Tuning{EtcdQuota: o.Tuning.EtcdQuota}) {
		return errors.New("cannot use --container-log-max-size or --node-grace-period with --api-only: there is no node")
	}
	if err := checkNodes(o); err != nil {
		return err
	}
	if size := o.Tuning.ContainerLogMaxSize; size != "" {
		if q, err := resource.ParseQuantity(size); err != nil || q.Sign() <= 0 {
			return fmt.Errorf("cannot use --container-log-max-size %q: give a size such as 1Mi", size)
		}
	}
	if grace := o.Tuning.NodeGracePeriod; grace != 0 && (grace < minNodeGrace || grace%time.Second != 0) {
		return fmt.Errorf("cannot use --node-grace-period %s: give whole seconds, at least %s", grace, minNodeGrace)
	}
	return nil
}

// minEtcdQuota is room for the objects of an empty cluster, in bytes.
const minEtcdQuota = 16 << 20

// etcdQuota parses the flag for the quota of etcd; empty: the default.
func etcdQuota(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	q, err := resource.ParseQuantity(text)
	if err != nil || q.CmpInt64(minEtcdQuota) < 0 || q.CmpInt64(math.MaxInt64) > 0 {
		return 0, fmt.Errorf("cannot use --etcd-quota %q: give a number of bytes of at least 16Mi, such as 256Mi", text)
	}
	return q.Value(), nil
}

func newDown() *cobra.Command {
	cmd := &cobra.Command{Use: "down", Short: "Stop the cluster and remove everything that it created", Args: cobra.NoArgs}
	dir := dirFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, err := dir.dir()
		if err != nil {
			return err
		}
		return lifecycle.Down(d, cmd.OutOrStdout())
	}
	return cmd
}

func newKubeconfig() *cobra.Command {
	var pathOnly bool
	cmd := &cobra.Command{Use: "kubeconfig", Short: "Print the administrator's kubeconfig", Args: cobra.NoArgs}
	dir := dirFlag(cmd)
	cmd.Flags().BoolVar(&pathOnly, "path", false, "print the path of the file instead")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, _, err := dir.existing()
		if err != nil {
			return err
		}
		if pathOnly {
			fmt.Fprintln(cmd.OutOrStdout(), d.Kubeconfig())
			return nil
		}
		content, err := os.ReadFile(d.Kubeconfig())
		if err != nil {
			return fmt.Errorf("cannot read kubeconfig: %w", err)
		}
		_, err = cmd.OutOrStdout().Write(content)
		return err
	}
	return cmd
}

func newRegistry() *cobra.Command {
	cmd := &cobra.Command{Use: "registry", Short: "Print host and port of the cluster's image registry", Args: cobra.NoArgs}
	dir := dirFlag(cmd)
	pods := cmd.Flags().Bool("pods", false, "print the address at which pods reach it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, c, err := dir.existing()
		if err != nil {
			return err
		}
		if c.APIOnly {
			return fmt.Errorf("cannot name a registry: the cluster in %q has no node", d)
		}
		address := fmt.Sprintf("127.0.0.1:%d", c.RegistryPort)
		if *pods {
			address = c.RegistryForPods()
		}
		fmt.Fprintln(cmd.OutOrStdout(), address)
		return nil
	}
	return cmd
}

func newSupervisor() *cobra.Command {
	cmd := &cobra.Command{Use: supervisor.Name, Short: "The background process of a cluster; `up` starts it", Hidden: true, Args: cobra.NoArgs}
	dir := dirFlag(cmd)
	node := cmd.Flags().Int("node", 1, "number of the node")
	cmd.RunE = func(*cobra.Command, []string) error {
		d, c, err := dir.existing()
		if err != nil {
			return err
		}
		executable, err := os.Executable()
		if err != nil {
			return fmt.Errorf("cannot find this program: %w", err)
		}
		return supervisor.Run(component.Cluster{Cluster: c, Dir: d, BinDir: filepath.Dir(executable), On: *node})
	}
	return cmd
}
