namespace OpenCvSharp;

/// <summary>What OpenCV's functions take where they write an array; here always a <see cref="Mat"/>.</summary>
public class OutputArray
{
    private OutputArray(Mat mat)
    {
        ArgumentNullException.ThrowIfNull(mat);
        Handle = mat.Handle;
    }

    internal MatHandle Handle { get; }

    public static OutputArray Create(Mat mat) => new(mat);

    public static implicit operator OutputArray(Mat mat) => new(mat);
}
