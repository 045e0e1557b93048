//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const busybox = "docker.io/library/busybox:1"

// load loads an image made of this machine's busybox into the cluster's registry.
func (c *cluster) load() {
	c.t.Helper()
	program, err := exec.LookPath("busybox")
	if err != nil {
		c.t.Fatalf("install the package busybox-static: %v", err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		c.t.Fatal(err)
	}
	root := c.t.TempDir()
	bin := filepath.Join(root, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "busybox"), content, 0o755); err != nil {
		c.t.Fatal(err)
	}
	for _, applet := range []string{"sh", "cat", "ls", "sleep", "nslookup", "nc", "httpd"} {
		if err := os.Symlink("busybox", filepath.Join(bin, applet)); err != nil {
			c.t.Fatal(err)
		}
	}
	c.run("load", "--dir", string(c.dir), "--name", busybox, "--rootfs", root, "--entrypoint", "/bin/sh", "--env", "PATH=/bin")
}

// pod returns the manifest of a pod that runs the script. The pod mounts a folder of an image, a volume claim, and the folder
// of kubectl.
func pod(t *testing.T, name, script string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %[1]s}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  volumes:
  - {name: image, image: {reference: %[2]q}}
  - {name: claim, persistentVolumeClaim: {claimName: claim}}
  - {name: host, hostPath: {path: %[3]q}}
  initContainers:
  - {name: side, image: %[2]q, restartPolicy: Always, command: [/bin/sh, -c, "echo sidecar runs; exec sleep 3600"]}
  containers:
  - name: main
    image: %[2]q
    command: [/bin/sh, -c, %[4]q]
    volumeMounts:
    - {name: image, mountPath: /image, subPath: bin}
    - {name: claim, mountPath: /claim}
    - {name: host, mountPath: /host}
`, name, busybox, filepath.Dir(binary(t)), script)
}

const claim = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
`

const web = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: docker.io/library/busybox:1
        command: [/bin/sh, -c, "echo this is web >/index.html; exec httpd -f -p 8080 -h /"]
        readinessProbe: {httpGet: {path: /index.html, port: 8080}, periodSeconds: 1}
`

const reader = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default}]
`

func TestNode(t *testing.T) {
	c := newCluster(t)
	c.up()
	c.load()
	c.apply(strings.Join([]string{claim, web, reader}, "---"))
	c.kubectl("rollout", "status", "deployment/web", "--timeout=120s")

	t.Run("ImageVolumeSidecarAndLogs", func(t *testing.T) {
		c.apply(pod(t, "image-volume", `/image/busybox echo from an image volume; ls /image/sh`))
		c.awaitPod("image-volume", "Succeeded")
		if got := c.kubectl("logs", "image-volume", "-c", "main"); got != "from an image volume\n/image/sh\n" {
			t.Errorf("the log is %q", got)
		}
		if got := c.kubectl("logs", "image-volume", "-c", "side"); got != "sidecar runs\n" {
			t.Errorf("the sidecar's log is %q", got)
		}
	})
	t.Run("RegistryForPods", func(t *testing.T) {
		registry := strings.TrimSpace(c.run("registry", "--dir", string(c.dir), "--pods"))
		// The request is that of the node: it has the image's own name, and its registry in the parameter ns.
		c.apply(pod(t, "registry", fmt.Sprintf(`/bin/busybox wget -q -O - 'http://%s/v2/library/busybox/manifests/1?ns=docker.io'`, registry)))
		c.awaitPod("registry", "Succeeded")
		if got := c.kubectl("logs", "registry", "-c", "main"); !strings.Contains(got, "application/vnd.oci.image.config") {
			t.Errorf("the registry's answer to a pod is %q", got)
		}
	})
	t.Run("InClusterClientNamesAndServices", func(t *testing.T) {
		c.apply(pod(t, "client", `set -e
/host/kubectl get service web -o name
nslookup web.default.svc.cluster.local | grep -c Address
echo -e 'GET /index.html HTTP/1.0\r\n\r\n' | nc -w 5 $(/host/kubectl get service web -o 'jsonpath={.spec.clusterIP}') 80 |
	while read line; do last=$line; done
/host/kubectl get --raw /api/v1/namespaces/default/services/web:80/proxy/index.html || echo refused as it should be
`))
		c.awaitPod("client", "Succeeded")
		got := c.kubectl("logs", "client", "-c", "main")
		for _, want := range []string{"service/web", "\n2\n", "refused as it should be"} {
			if !strings.Contains(got, want) {
				t.Errorf("the log lacks %q:\n%s", want, got)
			}
		}
		if got := c.kubectl("get", "--raw", "/api/v1/namespaces/default/services/web:80/proxy/index.html"); got != "this is web\n" {
			t.Errorf("the answer of the Service through the API server is %q", got)
		}
	})
	t.Run("APodThatIsGoneIsUnreachable", func(t *testing.T) {
		// No pod has this address. An answer or a time-out would show that the packet has left the node.
		c.apply(pod(t, "nobody", `nc -w 30 10.244.255.254 443 </dev/null 2>&1 || true`))
		c.awaitPod("nobody", "Succeeded")
		if got := c.kubectl("logs", "nobody", "-c", "main"); !strings.Contains(got, "nreachable") && !strings.Contains(got, "No route") {
			t.Errorf("the log of the pod is %q", got)
		}
	})
	t.Run("VolumeClaimForAnyUser", func(t *testing.T) {
		manifest := pod(t, "claim", `echo kept >/claim/file && cat /claim/file`)
		c.apply(strings.Replace(manifest, "spec:\n", "spec:\n  securityContext: {runAsUser: 4711, runAsNonRoot: true}\n", 1))
		c.awaitPod("claim", "Succeeded")
		if got := c.kubectl("logs", "claim", "-c", "main"); got != "kept\n" {
			t.Errorf("the log is %q", got)
		}
	})
	t.Run("ASecondNode", func(t *testing.T) {
		other := newCluster(t)
		other.up()
		other.load()
		other.apply(claim + "---" + pod(t, "second", "echo from the second cluster"))
		other.awaitPod("second", "Succeeded")
		other.run("down", "--dir", string(other.dir))
		other.checkNothingLeft()
		if problems := c.status().Problems; len(problems) != 0 {
			t.Errorf("after another cluster was taken down, this one has problems: %v", problems)
		}
	})
	t.Run("Faults", func(t *testing.T) {
		for _, component := range []string{
			"kubelet", "containerd", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
			"kube-proxy",
		} {
			before := c.pid(component)
			c.run("fault", "restart", "--dir", string(c.dir), component)
			if c.pid(component) == before {
				t.Errorf("%s was not replaced with another process", component)
			}
		}
		c.run("fault", "pause", "--dir", string(c.dir), "kube-scheduler")
		c.apply(pod(t, "patient", "echo scheduled after all"))
		if output := c.fail("status", "--dir", string(c.dir)); !strings.Contains(output, "kube-scheduler is paused") {
			t.Errorf("the status does not name the paused component:\n%s", output)
		}
		c.run("fault", "resume", "--dir", string(c.dir), "kube-scheduler")
		c.awaitPod("patient", "Succeeded")
		c.run("fault", "stop", "--dir", string(c.dir), "kubelet")
		if output := c.fail("status", "--dir", string(c.dir)); !strings.Contains(output, "kubelet was stopped on request") {
			t.Errorf("the status does not name the stopped component:\n%s", output)
		}
		c.run("fault", "start", "--dir", string(c.dir), "kubelet")
		c.eventually(func() string { return strings.Join(c.status().Problems, "\n") })
	})
	t.Run("AfterAPowerCut", func(t *testing.T) {
		if err := syscall.Kill(c.pid("kubelet"), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		c.up()
		c.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
		// The registry and the node must still have the image.
		c.apply(strings.Replace(pod(t, "after", "cat /claim/file"), "command: [/bin/sh, -c, \"cat",
			"imagePullPolicy: Always\n    command: [/bin/sh, -c, \"cat", 1))
		c.awaitPod("after", "Succeeded")
		if got := c.kubectl("logs", "after", "-c", "main"); got != "kept\n" {
			t.Errorf("the content of the volume is %q", got)
		}
	})
	t.Run("KilledSupervisor", func(t *testing.T) {
		if err := syscall.Kill(c.pid("supervisor"), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		c.eventually(func() string { return strings.Join(c.processes(), "\n") })
		c.run("down", "--dir", string(c.dir))
		c.checkNothingLeft()
		c.run("down", "--dir", string(c.dir)) // a second time is not an error
	})
}

// TestDownWithBrokenComponents takes clusters down in which a component is stopped and others are paused.
func TestDownWithBrokenComponents(t *testing.T) {
	c := newCluster(t)
	c.up("--container-log-max-size", "1Mi", "--node-grace-period", "5s")
	c.run("fault", "stop", "--dir", string(c.dir), "containerd")
	for _, component := range []string{"kubelet", "kube-apiserver"} {
		c.run("fault", "pause", "--dir", string(c.dir), component)
	}
	c.run("down", "--dir", string(c.dir))
	c.checkNothingLeft()
}

func TestAnInterruptedNodeLeavesNothing(t *testing.T) {
	for _, step := range []string{"uplink", "registry", "kube-apiserver", "kubelet"} {
		t.Run(step, func(t *testing.T) {
			c := newCluster(t)
			c.interruptUp(step)
			c.checkNothingLeft()
		})
	}
}
