namespace Camels.Kernels;

/// <summary>Work on a device in the order in which it was given. Host devices run it at once.</summary>
public sealed class DeviceStream(Device device)
{
    /// <summary>The device that runs the work.</summary>
    public Device Device { get; } = device;
}
