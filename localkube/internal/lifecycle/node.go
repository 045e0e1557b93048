package lifecycle

import (
	"errors"
	"net"

	"github.com/sluice-ci/sluice/localkube/internal/state"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

func (o Options) chooseForNode(c *state.Cluster, api *net.TCPListener, exists bool) (listeners, error) {
	return listeners{}, errors.New("not there yet")
}

func (o Options) connect(c state.Cluster, launched *supervisor.Launched) error {
	return nil
}
