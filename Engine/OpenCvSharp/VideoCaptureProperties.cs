namespace OpenCvSharp;

/// <summary>What can be asked of an opened video.</summary>
public enum VideoCaptureProperties
{
    PosMsec = 0,
    PosFrames = 1,
    PosAviRatio = 2,
    FrameWidth = 3,
    FrameHeight = 4,
    Fps = 5,
    FourCC = 6,
    FrameCount = 7,
    OrientationMeta = 48,
    OrientationAuto = 49,
}
