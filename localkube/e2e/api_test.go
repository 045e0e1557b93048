//go:build e2e

package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAPIOnly(t *testing.T) {
	c := newCluster(t)
	c.up("--api-only")
	if output := c.up("--api-only"); !strings.Contains(output, "already up") {
		t.Errorf("the output of a second up is %q", output)
	}
	if problems := c.status().Problems; len(problems) != 0 {
		t.Errorf("a fresh cluster has problems: %v", problems)
	}
	if output := c.kubectl("get", "namespaces", "-o", "name"); !strings.Contains(output, "namespace/default") {
		t.Errorf("the namespaces are %q", output)
	}
	// kubectl prints the content of a path unchanged, so this is the whole kubeconfig.
	if output := c.run("kubeconfig", "--dir", string(c.dir)); !strings.Contains(output, "client-certificate-data") {
		t.Errorf("the kubeconfig is %q", output)
	}
	c.apply(objects)
	c.kubectl("wait", "--for=condition=Established", "crd/widgets.example.org")
	c.apply(widget)
	if output := c.kubectl("get", "widgets,pods", "-o", "name"); output != "widget.example.org/w\npod/p\n" {
		t.Errorf("the objects are %q", output)
	}
	if output := c.fail("kubectl", "--dir", string(c.dir), "auth", "can-i", "list", "pods", "--as", "nobody"); output != "no\n" {
		t.Errorf("whether a user without rights may list pods: %s", output)
	}
	c.run("down", "--dir", string(c.dir))
	c.checkNothingLeft()
}

// TestAuditLog: a request is in the log when its answer arrives, with its user, and without the contents of the object.
func TestAuditLog(t *testing.T) {
	c := newCluster(t)
	c.up("--api-only", "--audit-log")
	c.kubectl("create", "configmap", "audited", "--from-literal=a=secret-content")
	c.kubectl("get", "configmap", "audited")
	log, err := os.ReadFile(c.dir.Audit())
	if err != nil {
		t.Fatal(err)
	}
	created, read := false, false
	for line := range strings.Lines(string(log)) {
		if !strings.Contains(line, `"name":"audited"`) && !strings.Contains(line, "/configmaps/audited") {
			continue
		}
		created = created || strings.Contains(line, `"verb":"create"`)
		read = read || strings.Contains(line, `"verb":"get"`)
	}
	if !created || read || strings.Contains(string(log), "secret-content") {
		t.Errorf("the log has the creation: %t, the read: %t:\n%s", created, read, log)
	}
}

const objects = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a, image: none}]}
`

const widget = `
apiVersion: example.org/v1
kind: Widget
metadata: {name: w}
`

func TestUpRestartsACrashedClusterWithItsData(t *testing.T) {
	c := newCluster(t)
	c.up("--api-only")
	c.kubectl("create", "configmap", "kept", "--from-literal=a=b")
	for _, victim := range []string{"kube-apiserver", "etcd", "supervisor"} {
		if err := syscall.Kill(c.pid(victim), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		c.eventually(func() string {
			if len(c.status().Problems) > 0 {
				return ""
			}
			return victim + " was killed, and status reports no problem"
		})
		c.fail("status", "--dir", string(c.dir))
		if output := c.up("--api-only"); !strings.Contains(output, "starting again") {
			t.Errorf("after the end of %s, the output of up is %q", victim, output)
		}
		if output := c.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}"); output != "b" {
			t.Errorf("after the end of %s, the stored object is %q", victim, output)
		}
	}
}

func TestComponentsEndWithTheSupervisor(t *testing.T) {
	c := newCluster(t)
	c.up("--api-only")
	if err := syscall.Kill(c.pid("supervisor"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.eventually(func() string { return strings.Join(c.processes(), "\n") })
}

func TestAPortInUseIsNamed(t *testing.T) {
	first, second := newCluster(t), newCluster(t)
	first.up("--api-only")
	second.port = first.port
	output := second.fail(second.upArgs("--api-only")...)
	if !strings.Contains(output, "in use by process") || !strings.Contains(output, "kube-apiserver") {
		t.Errorf("the error does not name the process that uses the port: %s", output)
	}
	second.checkNothingLeft()
}

func TestAnInterruptedUpLeavesNothing(t *testing.T) {
	c := newCluster(t)
	c.interruptUp("certificates", "--api-only")
	c.checkNothingLeft()
	c.up("--api-only")
}

// interruptUp interrupts an up when it has printed the given step.
func (c *cluster) interruptUp(step string, more ...string) {
	c.t.Helper()
	cmd := c.command(c.upArgs(more...)...)
	reader, writer, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	defer reader.Close()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	_ = writer.Close()
	var output strings.Builder
	buffer := make([]byte, 1024)
	interrupted := false
	for {
		n, err := reader.Read(buffer)
		output.Write(buffer[:n])
		if !interrupted && strings.Contains(output.String(), step) {
			interrupted = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				c.t.Fatal(err)
			}
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err == nil || !interrupted {
		c.t.Errorf("up was not interrupted at %q: %v\n%s", step, err, output.String())
	}
}
