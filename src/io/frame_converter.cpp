#ifdef MMI_WITH_MEDIA
#include "io/frame_converter.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "mmi/base/errors.h"

namespace mmi::io {
namespace {

/// The same samples under the modern name; J means full range.
AVPixelFormat plain_format(int pixel_format) {
  switch (pixel_format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
      return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
      return AV_PIX_FMT_YUV411P;
    default:
      return static_cast<AVPixelFormat>(pixel_format);
  }
}

bool is_gray(const AVPixFmtDescriptor& format) {
  return format.nb_components <= 2;
}

/// swscale's convention: gray is full range whatever the file says.
bool is_full_range(const AVFrame& frame) {
  const AVPixFmtDescriptor* const format = av_pix_fmt_desc_get(plain_format(frame.format));
  return frame.color_range == AVCOL_RANGE_JPEG || plain_format(frame.format) != frame.format ||
         is_gray(*format) || (format->flags & AV_PIX_FMT_FLAG_RGB);
}

/// Is plane 0 the luma of BT.601, which is PIL's "L" but for the range?
bool has_usable_luma(const AVFrame& frame) {
  const AVPixFmtDescriptor* const format = av_pix_fmt_desc_get(plain_format(frame.format));
  const AVComponentDescriptor& first = format->comp[0];
  constexpr std::uint64_t kOther =
      AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER;
  if ((format->flags & kOther) || first.plane != 0 || first.step != 1 || first.offset != 0 ||
      first.depth != 8 || frame.linesize[0] <= 0) {
    return false;
  }
  return is_gray(*format) || frame.colorspace == AVCOL_SPC_UNSPECIFIED ||
         frame.colorspace == AVCOL_SPC_BT470BG || frame.colorspace == AVCOL_SPC_SMPTE170M;
}

const cv::Mat& full_range_table() {
  static const cv::Mat table = [] {
    cv::Mat made(1, 256, CV_8U);
    for (int y = 0; y < 256; ++y) {
      made.at<std::uint8_t>(y) = cv::saturate_cast<std::uint8_t>((y - 16) * 255.0 / 219.0);
    }
    return made;
  }();
  return table;
}

}  // namespace

CropBox checked_crop(
    const std::filesystem::path& path, const VideoOptions& options, int width, int height) {
  if (!options.crop) {
    return {0, 0, width, height};
  }
  const CropBox& box = *options.crop;
  MMI_CHECK(
      ConfigError,
      0 <= box.x1 && box.x1 < box.x2 && box.x2 <= width && 0 <= box.y1 && box.y1 < box.y2 &&
          box.y2 <= height,
      "{}: the crop {},{},{},{} (x1,y1,x2,y2) does not lie inside the picture of {} x {}",
      path,
      box.x1,
      box.y1,
      box.x2,
      box.y2,
      width,
      height);
  return box;
}

FrameConverter::FrameConverter(
    const std::filesystem::path& path, const VideoOptions& options, int quarter_turns)
    : path_(path), options_(options), quarter_turns_(quarter_turns) {}

cv::Mat FrameConverter::rgb(const AVFrame& frame) {
  const AVPixelFormat format = plain_format(frame.format);
  const int full = is_full_range(frame) ? 1 : 0;
  const std::array<int, 5> key{frame.width, frame.height, format, full, frame.colorspace};
  if (scaler_ == nullptr || key != scaler_key_) {
    scaler_.reset(sws_getContext(
        frame.width,
        frame.height,
        format,
        frame.width,
        frame.height,
        AV_PIX_FMT_RGB24,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT,
        nullptr,
        nullptr,
        nullptr));
    MMI_CHECK(
        DataError,
        scaler_ != nullptr,
        "{}: pixels of type {} cannot be converted to RGB",
        path_,
        av_get_pix_fmt_name(format) ? av_get_pix_fmt_name(format) : "unknown");
    const int* const coefficients = sws_getCoefficients(
        frame.colorspace == AVCOL_SPC_UNSPECIFIED ? SWS_CS_DEFAULT : frame.colorspace);
    // Fails for RGB sources, which need none.
    sws_setColorspaceDetails(
        scaler_.get(), coefficients, full, coefficients, 1, 0, 1 << 16, 1 << 16);
    scaler_key_ = key;
  }
  // swscale's vector code writes up to 64 bytes beyond a row.
  const std::size_t stride = (static_cast<std::size_t>(frame.width) * 3 + 63) / 64 * 64 + 64;
  rgb_buffer_.resize(stride * static_cast<std::size_t>(frame.height) + 64);
  std::uint8_t* const planes[4] = {rgb_buffer_.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {static_cast<int>(stride), 0, 0, 0};
  const int rows =
      sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, planes, strides);
  MMI_CHECK(DataError, rows == frame.height, "{}: conversion to RGB failed", path_);
  return cv::Mat(frame.height, frame.width, CV_8UC3, rgb_buffer_.data(), stride);
}

cv::Mat FrameConverter::cropped(cv::Mat picture) {
  if (quarter_turns_ != 0) {
    constexpr int kCodes[] = {
        0, cv::ROTATE_90_CLOCKWISE, cv::ROTATE_180, cv::ROTATE_90_COUNTERCLOCKWISE};
    cv::rotate(picture, turned_, kCodes[quarter_turns_]);
    picture = turned_;
  }
  const CropBox box = checked_crop(path_, options_, picture.cols, picture.rows);
  return picture(cv::Rect(box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1));
}

void FrameConverter::convert(const AVFrame& frame, VideoFrame& out) {
  cv::Mat picture;
  if (options_.color == Color::kRgb) {
    picture = cropped(rgb(frame));
  } else if (has_usable_luma(frame)) {
    picture = cropped(cv::Mat(
        frame.height,
        frame.width,
        CV_8U,
        frame.data[0],
        static_cast<std::size_t>(frame.linesize[0])));
    if (!is_full_range(frame)) {
      const int width = options_.width > 0 ? options_.width : picture.cols;
      const int height = options_.height > 0 ? options_.height : picture.rows;
      if (width <= picture.cols && height <= picture.rows) {
        shrunk_.create(height, width, CV_8U);
        shrink_gray(picture, /*expand=*/true, shrunk_);
        picture = shrunk_;
      } else {
        cv::LUT(picture, full_range_table(), gray_);
        picture = gray_;
      }
    }
  } else {
    const cv::Mat colored = cropped(rgb(frame));
    gray_.create(colored.size(), CV_8U);
    rgb_to_gray(colored, gray_);
    picture = gray_;
  }
  out.width = options_.width > 0 ? options_.width : picture.cols;
  out.height = options_.height > 0 ? options_.height : picture.rows;
  out.channels = picture.channels();
  out.data.resize(
      static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height) *
      static_cast<std::size_t>(out.channels));
  cv::Mat target(out.height, out.width, picture.type(), out.data.data());
  resize_area(picture, target);
}

}  // namespace mmi::io
#endif
