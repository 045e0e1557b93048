package v1

// ManagedByThis is the value of spec.managedBy of a run that this controller runs. Existing clients use this value,
// and a run without the field has the same meaning.
const ManagedByThis = GroupName + "/pipeline"

// ManagedBySluice is the value of spec.managedBy of a run that Sluice runs on a cluster where another controller runs all other
// runs. A run with the value ManagedByThis, or without one, belongs to the other controller there.
const ManagedBySluice = "sluice.dev/controller"

// ManagedElsewhere reports whether a run's spec.managedBy names another controller. This controller must not act on
// such a run.
func ManagedElsewhere(managedBy *string) bool {
	return managedBy != nil && *managedBy != ManagedByThis
}
