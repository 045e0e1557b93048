package v1

// ManagedByThis is the value of spec.managedBy of a run that this controller runs. It is the name that existing clients
// use, and the meaning of a field that is left out.
const ManagedByThis = GroupName + "/pipeline"

// ManagedElsewhere reports whether a run's spec.managedBy names another controller, so that this one must leave the run
// alone.
func ManagedElsewhere(managedBy *string) bool {
	return managedBy != nil && *managedBy != ManagedByThis
}
