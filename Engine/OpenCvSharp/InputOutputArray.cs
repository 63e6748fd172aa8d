namespace OpenCvSharp;

/// <summary>What OpenCV's functions take where they read and write an array; here always a <see cref="Mat"/>.</summary>
public class InputOutputArray
{
    private InputOutputArray(Mat mat)
    {
        ArgumentNullException.ThrowIfNull(mat);
        Handle = mat.Handle;
    }

    internal MatHandle Handle { get; }

    public static InputOutputArray Create(Mat mat) => new(mat);

    public static implicit operator InputOutputArray(Mat mat) => new(mat);
}
