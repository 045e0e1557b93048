package pod

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// Signing is what steps need to sign their results.
type Signing struct {
	// Image is the image of the in-pod binary with signatures, which is at /ko-app/inpod-spiffe in it.
	Image string
	// Socket is the socket of the Workload API.
	Socket config.WorkloadSocket
	// Identity is the path of the pod's SPIFFE ID.
	Identity string
}

// spiffeDriver is the CSI driver that mounts the Workload API into pods without a directory of the node.
const spiffeDriver = "csi.spiffe.io"

// stepImage returns the image of the in-pod binary for steps. The results sidecar does not sign, and uses the other image.
func (b *builder) stepImage() string {
	if b.Signing != nil {
		return b.Signing.Image
	}
	return b.Image
}

func (b *builder) binaryName() string {
	if b.Signing != nil {
		return signingBinary
	}
	return plainBinary
}

// binary returns the path of the in-pod binary in containers that mount it.
func (b *builder) binary() string { return podpaths.BinDir + "/" + b.binaryName() }

// workloadVolumes returns the volume with the socket of the Workload API. Only steps mount it, and their tasks cannot change
// that: the results sidecar and the task's sidecars cannot sign.
func (b *builder) workloadVolumes() []corev1.Volume {
	if b.Signing == nil {
		return nil
	}
	volume := corev1.Volume{Name: workloadVolume}
	if dir := b.Signing.Socket.HostDir; dir != "" {
		volume.HostPath = &corev1.HostPathVolumeSource{Path: dir, Type: new(corev1.HostPathDirectory)}
	} else {
		volume.CSI = &corev1.CSIVolumeSource{Driver: spiffeDriver, ReadOnly: new(true)}
	}
	return []corev1.Volume{volume}
}

// signingArgs returns the arguments for what a step signs, and its identity.
func (b *builder) signingArgs() []string {
	if b.Signing == nil {
		return nil
	}
	return []string{
		"-sign-socket", "unix://" + podpaths.WorkloadDir + "/" + b.Signing.Socket.File, "-sign-identity", b.Signing.Identity,
		"-sign-namespace", b.TaskRun.Namespace, "-sign-taskrun", b.TaskRun.Name, "-sign-uid", string(b.TaskRun.UID), "-sign-nonce", b.Nonce,
	}
}
