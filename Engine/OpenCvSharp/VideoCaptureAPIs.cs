namespace OpenCvSharp;

/// <summary>Which library reads or writes a video.</summary>
public enum VideoCaptureAPIs
{
    ANY = 0,
    FFMPEG = 1900,
    IMAGES = 2000,
}
