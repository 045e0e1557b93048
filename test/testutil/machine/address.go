package machine

import (
	"errors"
	"fmt"
	"net"
)

// Address returns an IP address of this machine that is not its loopback address. The API server and the pods of a localkube cluster
// can reach it from their network namespaces.
func Address() (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("cannot list the addresses of this machine: %w", err)
	}
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String(), nil
		}
	}
	return "", errors.New("cannot find an address of this machine that pods can reach")
}
