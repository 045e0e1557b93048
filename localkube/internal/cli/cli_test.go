package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

func TestTakeDir(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		dir    string
		rest   []string
	}{
		"None":   {reason: "Arguments without --dir are passed to kubectl.", args: []string{"get", "pods"}, rest: []string{"get", "pods"}},
		"First":  {reason: "Ours comes first.", args: []string{"--dir", "/d", "get"}, dir: "/d", rest: []string{"get"}},
		"Equals": {reason: "--dir=DIR is one word.", args: []string{"--dir=/d", "get"}, dir: "/d", rest: []string{"get"}},
		"Later": {reason: "A --dir after other arguments may belong to the command in a pod.", args: []string{
			"exec", "p", "--", "x", "--dir", "/d",
		}, rest: []string{"exec", "p", "--", "x", "--dir", "/d"}},
		"Alone":   {reason: "A --dir without a value is passed to kubectl, which reports it.", args: []string{"--dir"}, rest: []string{"--dir"}},
		"Nothing": {reason: "No arguments stay no arguments."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir, rest := takeDir(tc.args)
			if dir != tc.dir {
				t.Errorf("%s\ndirectory is %q, want %q", tc.reason, dir, tc.dir)
			}
			if diff := cmp.Diff(tc.rest, rest); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	apiOnly := state.Dir(t.TempDir())
	if err := apiOnly.SaveCluster(state.Cluster{APIOnly: true, APIPort: 6443}); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"NoCluster": {reason: "The error says how to create a cluster.", args: []string{"status", "--dir", none}, want: "localkube up"},
		"KubectlNowhere": {reason: "kubectl must not use another cluster.", args: []string{
			"kubectl", "--dir", none, "get", "pods",
		}, want: "cannot find a cluster"},
		"RegistryNowhere": {
			reason: "Without a node there is no registry.",
			args:   []string{"registry", "--dir", string(apiOnly)},
			want:   "has no node",
		},
		"Port": {reason: "A port has a range.", args: []string{"up", "--dir", none, "--api-port", "65536"}, want: "from 1 to 65535"},
		"LogSize": {reason: "A size is a quantity.", args: []string{
			"up", "--dir", none, "--container-log-max-size", "big",
		}, want: "such as 1Mi"},
		"GraceShort": {reason: "The node cannot report that often.", args: []string{
			"up", "--dir", none, "--node-grace-period", "1s",
		}, want: "at least 4s"},
		"GraceFraction": {reason: "A lease lasts whole seconds.", args: []string{
			"up", "--dir", none, "--node-grace-period", "4500ms",
		}, want: "whole seconds"},
		"NoNodes": {reason: "A cluster has a node.", args: []string{"up", "--dir", none, "--nodes", "0"}, want: "from 1 to 5"},
		"TooManyNodes": {
			reason: "They share one machine.",
			args:   []string{"up", "--dir", none, "--nodes", "6"},
			want:   "from 1 to 5",
		},
		"NodesOfNothing": {
			reason: "An API server alone has no nodes.",
			args:   []string{"up", "--dir", none, "--api-only", "--nodes", "2"},
			want:   "there is no node",
		},
		"LabelOfNoNode": {
			reason: "A label is for a node that exists.",
			args:   []string{"up", "--dir", none, "--nodes", "2", "--node-label", "localkube-3:disk=ssd"},
			want:   "the nodes are localkube, localkube-2",
		},
		"LabelWithoutValue": {
			reason: "A label has a key and a value.",
			args:   []string{"up", "--dir", none, "--node-label", "localkube:disk"},
			want:   "NODE:KEY=VALUE",
		},
		"LabelKey": {
			reason: "A key has the syntax of Kubernetes.",
			args:   []string{"up", "--dir", none, "--node-label", "localkube:-disk=ssd"},
			want:   `the key "-disk" is not valid`,
		},
		"LabelValue": {
			reason: "A value, too.",
			args:   []string{"up", "--dir", none, "--node-label", "localkube:disk=s d"},
			want:   `the value "s d" is not valid`,
		},
		"LabelTwice": {
			reason: "A node has one value for a key.",
			args:   []string{"up", "--dir", none, "--node-label", "localkube:a=b", "--node-label", "localkube:a=c"},
			want:   "another value",
		},
		"LabelReserved": {
			reason: "The API server refuses a node with it.",
			args:   []string{"up", "--dir", none, "--node-label", "localkube:disk.kubernetes.io/type=ssd"},
			want:   "outside of kubernetes.io",
		},
		"FaultOfNothing": {reason: "A fault is of a component or a node.", args: []string{"fault", "stop"}, want: "name a component"},
		"FaultNodeless": {
			reason: "Only a node can be separated.",
			args:   []string{"fault", "partition"},
			want:   "name the node with --node",
		},
		"FaultUnknownNode": {
			reason: "The error lists the nodes.",
			args:   []string{"fault", "stop", "kubelet", "--node", "localkube-2", "--dir", string(apiOnly)},
			want:   "the nodes are localkube",
		},
		"FaultControlPlane": {
			reason: "The supervisor of all nodes is on the first.",
			args:   []string{"fault", "delete", "--node", "localkube", "--dir", string(apiOnly)},
			want:   "it has the control plane",
		},
		"EtcdQuota": {reason: "An empty cluster needs some room.", args: []string{
			"up", "--dir", none, "--api-only", "--etcd-quota", "1Mi",
		}, want: "at least 16Mi"},
		"TunedNothing": {reason: "Without a node there is nothing to tune.", args: []string{
			"up", "--dir", none, "--api-only", "--node-grace-period", "5s",
		}, want: "there is no node"},
		"FaultNowhere": {reason: "Without a cluster there is nothing to break.", args: []string{
			"fault", "stop", "kubelet", "--dir", none,
		}, want: "cannot find a cluster"},
		"FaultDead": {
			reason: "Without a supervisor a fault cannot be ordered.",
			args:   []string{"fault", "stop", "etcd", "--dir", string(apiOnly)},
			want:   "is the cluster up?",
		},
		"FaultUnknown": {reason: "An unknown fault is refused.", args: []string{"fault", "stopp", "kubelet"}, want: "stopp"},
		"LoadNothing":  {reason: "An image to load is required.", args: []string{"load", "--dir", string(apiOnly)}, want: "rootfs archive"},
		"LoadBoth": {reason: "An image has one source.", args: []string{
			"load", "--rootfs", "a", "--archive", "b",
		}, want: "rootfs archive"},
		"LoadNameless": {
			reason: "A root file system has no name, so --name is required.",
			args:   []string{"load", "--rootfs", "a"},
			want:   "--name",
		},
		"Unknown": {reason: "An unknown command is refused.", args: []string{"upp"}, want: "unknown command"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root := newRoot()
			root.SetArgs(tc.args)
			var out bytes.Buffer
			root.SetOut(&out)
			root.SetErr(&out)
			err := root.ExecuteContext(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nerror is %v, want %q in it", tc.reason, err, tc.want)
			}
		})
	}
}

func TestKubeconfigPath(t *testing.T) {
	dir := state.Dir(t.TempDir())
	if err := dir.SaveCluster(state.Cluster{APIOnly: true, APIPort: 6443}); err != nil {
		t.Fatal(err)
	}
	root := newRoot()
	root.SetArgs([]string{"kubeconfig", "--path", "--dir", string(dir)})
	var out bytes.Buffer
	root.SetOut(&out)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), dir.Kubeconfig()+"\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}
