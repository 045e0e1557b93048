package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/state"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

// newFault groups the commands that break a component or a node of the cluster on purpose, and repair it.
func newFault() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fault",
		Short: "Break a component or a node of the cluster on purpose, and repair it",
		Example: `  localkube fault stop kubelet
  localkube fault start kubelet
  localkube fault restart kube-apiserver
  localkube fault stop kubelet --node localkube-2
  localkube fault stop --node localkube-2
  localkube fault partition --node localkube-2`,
		RunE: func(_ *cobra.Command, args []string) error {
			return fmt.Errorf("cannot do fault %q: unknown fault; see localkube fault --help for the known ones", strings.Join(args, " "))
		},
	}
	for _, one := range []struct {
		fault supervisor.Fault
		short string
	}{
		{supervisor.Stop, "Kill a component, or a whole node; the cluster stays up without it"},
		{supervisor.Start, "Start a component or a node that has stopped, and wait until it is healthy"},
		{supervisor.Restart, "Kill a component or a node, start it, and wait until it is healthy"},
		{supervisor.Pause, "Pause a component: it neither runs nor ends"},
		{supervisor.Resume, "Resume a paused component"},
	} {
		cmd.AddCommand(newComponentFault(one.fault, one.short))
	}
	for _, one := range []struct {
		fault supervisor.Fault
		short string
	}{
		{supervisor.Partition, "Lose every packet between a node and the others"},
		{supervisor.Heal, "Let packets between a node and the others pass again"},
		{supervisor.Delete, "Kill a node, and delete its Node object"},
	} {
		cmd.AddCommand(newNodeFault(string(one.fault), one.short, func(cmd *cobra.Command, d state.Dir, node string) error {
			return supervisor.Inflict(cmd.Context(), d, one.fault, node)
		}))
	}
	cmd.AddCommand(
		newNodeFault("drain", "Evict the pods of a node, and keep new ones away", func(_ *cobra.Command, d state.Dir, node string) error {
			return kubectl(d, []string{"drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force"})
		}),
		newNodeFault("uncordon", "Let new pods run on a node that was drained", func(_ *cobra.Command, d state.Dir, node string) error {
			return kubectl(d, []string{"uncordon", node})
		}),
	)
	return cmd
}

// newComponentFault is a fault of a component, or with --node alone of a whole node.
func newComponentFault(fault supervisor.Fault, short string) *cobra.Command {
	use := fmt.Sprintf("%s {COMPONENT | --node NODE | COMPONENT --node NODE}", fault)
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.MaximumNArgs(1)}
	dir := dirFlag(cmd)
	node := cmd.Flags().String("node", "", "name of the node (default: the one with the control plane)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && *node == "" {
			return fmt.Errorf("cannot %s: name a component or, with --node, a node", fault)
		}
		d, c, err := dir.existing()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			if err := checkWorker(c, *node); err != nil {
				return err
			}
			return supervisor.Inflict(cmd.Context(), d, fault, *node)
		}
		if d, err = nodeDir(d, c, *node); err != nil {
			return err
		}
		return supervisor.Inflict(cmd.Context(), d, fault, args[0])
	}
	return cmd
}

// newNodeFault is a fault of a whole node.
func newNodeFault(name, short string, inflict func(*cobra.Command, state.Dir, string) error) *cobra.Command {
	cmd := &cobra.Command{Use: name + " --node NODE", Short: short, Args: cobra.NoArgs}
	dir := dirFlag(cmd)
	node := cmd.Flags().String("node", "", "name of the node")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *node == "" {
			return fmt.Errorf("cannot %s: name the node with --node", name)
		}
		d, c, err := dir.existing()
		if err != nil {
			return err
		}
		switch name {
		case "drain", "uncordon": // work for every node, because no process ends
			_, err = nodeDir(d, c, *node)
		default:
			err = checkWorker(c, *node)
		}
		if err != nil {
			return err
		}
		return inflict(cmd, d, *node)
	}
	return cmd
}

// nodeDir returns the directory with the control socket for the components of the node. No name stands for the node with the
// control plane.
func nodeDir(d state.Dir, c state.Cluster, node string) (state.Dir, error) {
	names := component.NodeNames(max(1, c.Nodes))
	switch {
	case node == "" || node == component.NodeName:
		return d, nil
	case !slices.Contains(names, node):
		return "", fmt.Errorf("cannot find node %q: the nodes are %s", node, strings.Join(names, ", "))
	}
	return d.Node(node), nil
}

// checkWorker returns an error unless the node can be broken as a whole.
func checkWorker(c state.Cluster, node string) error {
	if node == component.NodeName {
		return errors.New("cannot break node \"localkube\" as a whole: it has the control plane; name a component of it, or use `down`")
	}
	_, err := nodeDir("", c, node)
	return err
}
