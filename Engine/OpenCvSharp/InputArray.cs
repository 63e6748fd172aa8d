namespace OpenCvSharp;

/// <summary>What OpenCV's functions take where they read an array; here always a <see cref="Mat"/>.</summary>
public class InputArray
{
    private InputArray(Mat mat)
    {
        ArgumentNullException.ThrowIfNull(mat);
        Handle = mat.Handle;
    }

    internal MatHandle Handle { get; }

    public static InputArray Create(Mat mat) => new(mat);

    public static implicit operator InputArray(Mat mat) => new(mat);
}
