namespace OpenCvSharp;

public enum ErrorCode
{
    StsOk = 0,
    StsBackTrace = -1,
    StsError = -2,
    StsInternal = -3,
    StsNoMem = -4,
    StsBadArg = -5,
    StsBadFunc = -6,
    StsNoConv = -7,
    StsAutoTrace = -8,
    BadImageSize = -10,
    StsNullPtr = -27,
    StsBadSize = -201,
    StsUnmatchedFormats = -205,
    StsUnmatchedSizes = -209,
    StsUnsupportedFormat = -210,
    StsOutOfRange = -211,
    StsParseError = -212,
    StsNotImplemented = -213,
    StsAssert = -215,
}
