package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/lifecycle"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

const defaultAPIPort = 6443

func newUp() *cobra.Command {
	var o lifecycle.Options
	cmd := &cobra.Command{Use: "up", Short: "Bring the cluster up, or say that it is", Args: cobra.NoArgs}
	dir := dirFlag(cmd)
	cmd.Flags().IntVar(&o.APIPort, "api-port", defaultAPIPort, "port of the API server on 127.0.0.1")
	cmd.Flags().BoolVar(&o.APIOnly, "api-only", false, "only etcd and the API server: no node, no controllers, no privileges needed")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if o.APIPort < 1 || o.APIPort > 65535 {
			return fmt.Errorf("cannot use --api-port %d: a port is a number from 1 to 65535", o.APIPort)
		}
		if o.Dir, err = dir.dir(); err != nil {
			return err
		}
		o.Out = cmd.OutOrStdout()
		return lifecycle.Up(cmd.Context(), o)
	}
	return cmd
}

func newDown() *cobra.Command {
	cmd := &cobra.Command{Use: "down", Short: "End the cluster and remove everything that it had", Args: cobra.NoArgs}
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
	cmd.RunE = func(*cobra.Command, []string) error {
		d, c, err := dir.existing()
		if err != nil {
			return err
		}
		executable, err := os.Executable()
		if err != nil {
			return fmt.Errorf("cannot find this program: %w", err)
		}
		return supervisor.Run(component.Cluster{Cluster: c, Dir: d, BinDir: filepath.Dir(executable)})
	}
	return cmd
}
