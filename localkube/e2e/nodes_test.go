//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// onNode returns the manifest of a pod that runs the script on the node. Its labels are app=NAME.
func onNode(node, name, script string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  nodeSelector: {kubernetes.io/hostname: %[2]s}
  tolerations: [{operator: Exists, effect: NoSchedule}]
  containers:
  - {name: main, image: %[3]q, command: [/bin/sh, -c, %[4]q]}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {selector: {app: %[1]s}, ports: [{port: 80, targetPort: 8080}]}
`, name, node, busybox, script)
}

// nodeCondition is the status of the condition Ready of a node: True, False or Unknown.
func (c *cluster) nodeCondition(node string) string {
	c.t.Helper()
	return c.kubectl("get", "node", node, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
}

// TestNodes is about a cluster of three nodes: pods of all nodes reach each other, and each node can be drained, separated, killed
// and deleted.
func TestNodes(t *testing.T) {
	c := newCluster(t)
	c.up("--nodes", "3", "--node-label", "localkube-2:disk=ssd", "--node-grace-period", "5s")
	c.load()
	fault := func(args ...string) {
		t.Helper()
		c.run(append([]string{"fault", args[0], "--dir", string(c.dir)}, args[1:]...)...)
	}

	t.Run("Labels", func(t *testing.T) {
		got := c.kubectl("get", "nodes", "-o",
			`jsonpath={range .items[*]}{.metadata.name} {.metadata.labels.topology\.kubernetes\.io/zone} {.metadata.labels.disk}{"\n"}{end}`)
		if want := "localkube zone-1 \nlocalkube-2 zone-2 ssd\nlocalkube-3 zone-3 \n"; got != want {
			t.Errorf("names, zones and disks of the nodes:\n%s\nwant:\n%s", got, want)
		}
		if problems := c.status().Problems; len(problems) > 0 {
			t.Errorf("the new cluster has problems: %v", problems)
		}
	})

	serve := "echo this is $HOSTNAME >/index.html; exec httpd -f -p 8080 -h /"
	for i, node := range []string{"localkube", "localkube-2", "localkube-3"} {
		c.apply(onNode(node, fmt.Sprintf("web-%d", i+1), serve))
	}
	for i := range 3 {
		c.awaitPod(fmt.Sprintf("web-%d", i+1), "Running")
	}
	// ask asks every server, by the address of its pod and by that of its Service, from a pod of the node. It also resolves a name.
	ask := func(node string) {
		t.Helper()
		script, want := "nslookup web-1.default.svc.cluster.local | grep -c Address\n", "2\n"
		for i := range 3 {
			name := fmt.Sprintf("web-%d", i+1)
			address := c.kubectl("get", "pod", name, "-o", "jsonpath={.status.podIP}")
			service := c.kubectl("get", "service", name, "-o", "jsonpath={.spec.clusterIP}")
			for _, host := range []string{address + ":8080", service} {
				// The server may not listen yet.
				script += fmt.Sprintf("for n in 1 2 3 4 5 6 7 8 9; do busybox wget -q -O - http://%s/index.html && break; sleep 1; done\n", host)
				want += "this is " + name + "\n"
			}
		}
		c.apply(onNode(node, "ask-"+node, script))
		c.awaitPod("ask-"+node, "Succeeded")
		if got := c.kubectl("logs", "ask-"+node); got != want {
			t.Errorf("the answers on %s are %q, want %q", node, got, want)
		}
		c.kubectl("delete", "pod", "ask-"+node)
	}
	for _, node := range []string{"localkube", "localkube-2", "localkube-3"} {
		t.Run("PodsReachEachOtherFrom/"+node, func(*testing.T) { ask(node) })
	}

	t.Run("Component", func(t *testing.T) {
		before := c.pid("localkube-2/kubelet")
		fault("restart", "kubelet", "--node", "localkube-2")
		if c.pid("localkube-2/kubelet") == before {
			t.Error("the kubelet of node 2 was not replaced with another process")
		}
	})
	t.Run("Partition", func(t *testing.T) {
		fault("partition", "--node", "localkube-2")
		c.eventually(func() string {
			if got := c.nodeCondition("localkube-2"); got != "Unknown" {
				return "the separated node has the condition Ready=" + got
			}
			return ""
		})
		if output := c.fail("status", "--dir", string(c.dir)); !strings.Contains(output, "localkube-2 is partitioned") {
			t.Errorf("the status does not name the separated node:\n%s", output)
		}
		if got := c.nodeCondition("localkube-3"); got != "True" {
			t.Errorf("another node has the condition Ready=%s", got)
		}
		fault("heal", "--node", "localkube-2")
		c.eventually(func() string { return strings.Join(c.status().Problems, "\n") })
		ask("localkube-2")
	})
	t.Run("PowerCut", func(t *testing.T) {
		fault("stop", "--node", "localkube-3")
		if output := c.fail("status", "--dir", string(c.dir)); !strings.Contains(output, "localkube-3 was stopped on request") {
			t.Errorf("the status does not name the stopped node:\n%s", output)
		}
		fault("start", "--node", "localkube-3")
		c.kubectl("delete", "pod", "web-3", "--ignore-not-found")
		c.apply(onNode("localkube-3", "web-3", serve))
		c.awaitPod("web-3", "Running")
		ask("localkube")
		ask("localkube-3")
	})
	t.Run("Drain", func(t *testing.T) {
		fault("drain", "--node", "localkube-2")
		if got := c.kubectl("get", "pods", "--field-selector", "spec.nodeName=localkube-2", "-o", "name"); got != "" {
			t.Errorf("the drained node has pods: %s", got)
		}
		fault("uncordon", "--node", "localkube-2")
	})
	t.Run("Delete", func(t *testing.T) {
		fault("delete", "--node", "localkube-2")
		if got := c.kubectl("get", "nodes", "-o", "name"); got != "node/localkube\nnode/localkube-3\n" {
			t.Errorf("the nodes are %q", got)
		}
		fault("start", "--node", "localkube-2")
		if got := c.nodeCondition("localkube-2"); got != "True" {
			t.Errorf("the new node has the condition Ready=%s", got)
		}
	})
	t.Run("Refused", func(t *testing.T) {
		for want, args := range map[string][]string{
			"name a component":                     {"fault", "pause", "--node", "localkube-2"},
			"it has the control plane":             {"fault", "stop", "--node", "localkube"},
			"the nodes are localkube, localkube-2": {"fault", "stop", "--node", "localkube-4"},
			"it was made with --nodes 3":           c.upArgs("--node-grace-period", "5s"),
		} {
			args = append(args, "--dir", string(c.dir))
			if output := c.fail(args...); !strings.Contains(output, want) {
				t.Errorf("localkube %s lacks %q:\n%s", strings.Join(args, " "), want, output)
			}
		}
	})
	t.Run("KilledNode", func(*testing.T) {
		fault("stop", "--node", "localkube-3")
		c.run("down", "--dir", string(c.dir))
		c.checkNothingLeft()
	})
}

// TestInterruptedNodesLeaveNothing interrupts the start of three nodes when the components of the first are healthy: the others are
// starting then.
func TestInterruptedNodesLeaveNothing(t *testing.T) {
	c := newCluster(t)
	c.interruptUp("kube-proxy", "--nodes", "3")
	c.checkNothingLeft()
}
