package pod

import (
	"fmt"
	"strconv"
	"strings"
)

// imageVolumesSince is the minor version of Kubernetes 1 from which image volumes are on by default.
const imageVolumesSince = 35

// DeliveryFor returns how the in-pod binary gets into containers. Setting is "auto", or one of the Deliveries to use for any
// cluster. Major and minor are the API server's version; providers append to the minor ("35+"). It returns an error for an
// invalid setting or version.
func DeliveryFor(setting, major, minor string) (Delivery, error) {
	switch d := Delivery(setting); d {
	case ImageVolume, InitContainer:
		return d, nil
	case "auto":
	default:
		return "", fmt.Errorf("cannot use in-pod delivery %q: it must be %q, %q or %q", setting, "auto", ImageVolume, InitContainer)
	}
	digits := strings.TrimRightFunc(minor, func(r rune) bool { return r < '0' || r > '9' })
	n, err := strconv.Atoi(digits)
	if err != nil || major != "1" {
		return "", fmt.Errorf("cannot determine from the API server's version %q.%q whether it has image volumes; choose with --inpod-delivery",
			major, minor)
	}
	if n < imageVolumesSince {
		return InitContainer, nil
	}
	return ImageVolume, nil
}
